-- Inspection: what a rebuild looks at before it opens the fleet. The types of the keys; the fields of the hash `fleet`,
-- each by itself; and the compiled tables, which follow from the document.

inspection = {}

local TYPES = { -- of keys by name; the others are hashes
  early = 'zset', refused = 'zset', forgotten = 'zset', timers = 'zset', events = 'list', yellow = 'string',
  used = 'string', green = 'string', sampled = 'string', pools = 'zset', quiet = 'zset', leaving = 'zset', lost = 'zset',
}

-- A key has its type and no time to live.
local function check_key(run, key, kind)
  local present = redis.call('TYPE', key).ok
  if present ~= 'none' then
    findings.compare(run, key .. ': its type', present, kind, function() redis.call('UNLINK', key) end)
    findings.compare(run, key .. ': its time to live', redis.call('PTTL', key), redis.call('EXISTS', key) == 1 and -1 or -2,
      function() redis.call('PERSIST', key) end)
  end
end

local function check_keys(run, all)
  for name, found in pairs(all) do
    for _, key in ipairs(type(found) == 'table' and found or string.sub(found, -1) ~= ':' and { found } or {}) do
      check_key(run, key, TYPES[name] or 'hash')
    end
  end
  for _, window in ipairs(constants.WINDOWS) do
    check_key(run, all.past .. window, 'list')
  end
end

-- What a field is that is missing or unreadable: the newest line of the history has fleet time.
local function default(name, prefix, now)
  local line = redis.pcall('LINDEX', prefix .. 'past:' .. constants.WINDOWS[1], 0)
  local time = tonumber(string.match(type(line) == 'string' and line or '', '^%d+ (%d+) ')) or 0
  local values = {
    layout = constants.LAYOUT, clock = now, lag = now - time, next_due = math.floor(time / 1e6) + 1, config_version = 1,
    pools_since = time, ended_since = time, resumed_at = time, store_epoch = math.floor(now / 1e6),
  }
  return values[name] or 0
end

local function is_number(text)
  local number = tonumber(text)
  return number ~= nil and number == number and math.abs(number) < math.huge
end

-- Each field of the hash is there and readable, and no time is later than it can be.
local function check_fields(run, prefix, class_ids, now)
  local key, known = prefix .. 'fleet', {}
  local stored = vectors.by_name(redis.call('HGETALL', key))
  local function expect(name, is_valid, value)
    known[name] = true
    if not is_valid then
      findings.wrong(run, 'fleet: ' .. name .. ' is missing or unreadable', function()
        redis.call('HSET', key, name, value)
      end)
    end
  end
  for _, name in ipairs(state.NUMBERS) do
    expect(name, is_number(stored[name]), default(name, prefix, now))
  end
  for _, name in ipairs(state.TEXTS) do
    expect(name, stored[name], '')
  end
  for _, name in ipairs(state.BY_CLASS) do
    for _, id in ipairs(class_ids) do
      local field = name .. ':' .. id
      expect(field, not stored[field] or is_number(stored[field]), 0)
    end
  end
  for field in pairs(stored) do
    if not known[field] then
      findings.wrong(run, 'fleet: ' .. field .. ' is no field', function() redis.call('HDEL', key, field) end)
    end
  end
end

-- The tables are those of the document. Another version of them is not in any memory.
local function check_tables(run, prefix, given, class_ids, now)
  local key = prefix .. 'tables'
  local stored, expected = vectors.by_name(redis.call('HGETALL', key)), vectors.by_name(tables.of(given, class_ids))
  local function mend(field, value)
    return function()
      redis.call(value and 'HSET' or 'HDEL', key, field, value)
      redis.call('HSET', prefix .. 'fleet', 'tables', string.format('%d', now))
    end
  end
  for field, value in pairs(expected) do
    if stored[field] ~= value then
      findings.wrong(run, 'tables: ' .. field .. ' does not follow from the document', mend(field, value))
    end
  end
  for field in pairs(stored) do
    if not expected[field] then
      findings.wrong(run, 'tables: ' .. field .. ' is no field', mend(field))
    end
  end
end

-- The numbers of a text, which are as many as asked, different, and below a limit; nil if they are not.
local function distinct(text, count, limit)
  local numbers, taken = vectors.split(text or '', true), {}
  for _, number in ipairs(numbers) do
    if taken[number] or number % 1 ~= 0 or number < 0 or number >= limit then
      return nil
    end
    taken[number] = true
  end
  return #numbers == count and numbers or nil
end

-- given: a configuration as for `put`, compiled from the stored document. Returns a refusal if there is no fleet, if
-- this version cannot use it, or if the document is another one or unreadable. O(levels).
function inspection.run(key, given, run)
  local prefix = string.sub(key, 1, -6)
  local document = redis.pcall('HMGET', prefix .. 'document', 'text', 'ids', 'type_numbers')
  local layout = redis.pcall('HGET', prefix .. 'fleet', 'layout')
  if not tables.POLICIES[given.policy] or type(layout) == 'string' and tonumber(layout) and tonumber(layout) ~= constants.LAYOUT then
    return { 'NEWER_FLEET', type(layout) == 'string' and tonumber(layout) or nil }
  elseif redis.call('EXISTS', prefix .. 'fleet', prefix .. 'document') == 0 then
    return { 'UNKNOWN_FLEET' }
  elseif document.err or document[1] ~= given.document then
    return { 'DOCUMENT_CHANGED' }
  end
  local class_ids, count = distinct(document[2], #given.names, constants.MAX_CLASSES), 0
  types.each(given.session_types, function() count = count + 1 end)
  if not class_ids or not distinct(document[3], count, math.huge) then
    return { 'FAILED', 'the numbers of the classes or types in {fleet}:document are lost' }
  end
  check_keys(run, keys.of_fleet(prefix, class_ids))
  check_fields(run, prefix, class_ids, given.clock)
  check_tables(run, prefix, given, class_ids, given.clock)
end
