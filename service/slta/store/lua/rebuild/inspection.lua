-- Inspection: what a rebuild looks at before it opens the fleet. The types of the keys; the fields of the hash `fleet`,
-- each by itself; and the compiled tables, which follow from the document.

inspection = {}

local TYPES = { -- of keys by name; the others are hashes
  early = 'zset', refused = 'zset', forgotten = 'zset', timers = 'zset', events = 'list', yellow = 'string',
  used = 'string', green = 'string', sampled = 'string', pools = 'zset', quiet = 'zset', leaving = 'zset',
  lost = 'zset',
}

-- A key has its type and no time to live.
local function check_key(run, key, kind)
  local present = redis.call('TYPE', key).ok
  if present ~= 'none' then
    findings.compare(run, key .. ': its type', present, kind, function() redis.call('UNLINK', key) end)
    if redis.call('PTTL', key) >= 0 then
      findings.wrong(run, key .. ': has a time to live', function() redis.call('PERSIST', key) end)
    end
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
  local incarnation, revision = incarnations.remembered(prefix .. 'fleet')
  local line = redis.pcall('LINDEX', prefix .. 'past:' .. constants.WINDOWS[1], 0)
  local time = tonumber(string.match(type(line) == 'string' and line or '', '^%d+ (%d+) ')) or 0
  local values = {
    layout = constants.LAYOUT, clock = now, lag = now - time, next_due = math.floor(time / 1e6) + 1, config_version = 1,
    incarnation = incarnation, revision = revision, pools_since = time, ended_since = time, resumed_at = time,
    store_epoch = math.floor(now / 1e6),
  }
  return values[name] or 0
end

local function is_part_of_integral(name)
  return (string.find(name, 'high') or string.find(name, 'low')) ~= nil
end

-- Whether a field has a number, an integer unless it is part of an integral.
local function is_number(name, text)
  local number = tonumber(text)
  return number ~= nil and math.abs(number) < math.huge and (is_part_of_integral(name) or number % 1 == 0)
end

-- Each field of the hash is there and readable, and no time is later than it can be.
local function check_fields(run, prefix, class_ids, now)
  local key = prefix .. 'fleet'
  local flat = redis.pcall('HGETALL', key)
  local stored = flat.err and {} or vectors.by_name(flat)
  local function expect(name, is_valid, value)
    if not is_valid then
      run.loses_integral = run.loses_integral or name == 'now' or is_part_of_integral(name)
      findings.wrong(run, 'fleet: ' .. name .. ' is missing or unreadable', function()
        redis.call('HSET', key, name, value)
      end)
    end
  end
  local present = state.text_of_now(state.parse_now(stored.now, function(name) return default(name, prefix, now) end))
  expect('now', stored.now == present, present)
  for _, name in ipairs(state.NUMBERS) do
    expect(name, is_number(name, stored[name]), default(name, prefix, now))
  end
  for _, name in ipairs(state.TEXTS) do
    expect(name, stored[name], '')
  end
  for _, name in ipairs(state.BY_CLASS) do
    for _, id in ipairs(class_ids) do
      local field = name .. ':' .. id
      expect(field, not stored[field] or is_number(name, stored[field]), 0)
    end
  end
end

-- The numbers of types are readable.
local function check_types(run, prefix)
  local key = prefix .. 'types'
  local flat = redis.pcall('HGETALL', key)
  for field, text in pairs(flat.err and {} or vectors.by_name(flat)) do
    if field ~= 'waiting' and not is_number(field, text) then
      run.loses_integral = run.loses_integral or is_part_of_integral(field)
      findings.wrong(run, 'types: ' .. field .. ' is unreadable', function() redis.call('HDEL', key, field) end)
    end
  end
end

-- The tables are those of the document. Another version of them is not in any memory.
local function check_tables(run, prefix, stored, expected, now)
  local key = prefix .. 'tables'
  for field, value in pairs(expected) do
    if stored[field] ~= value then
      findings.wrong(run, 'tables: ' .. field .. ' does not follow from the document', function()
        redis.call('HSET', key, field, value)
        redis.call('HSET', prefix .. 'fleet', 'tables', string.format('%d', now))
      end)
    end
  end
end

-- The numbers of a text, which are as many as asked, different, and below a limit; nil if they are not.
local function distinct(text, count, limit)
  local numbers, taken = vectors.split(text or '', true), {}
  for _, number in ipairs(numbers) do
    if type(number) ~= 'number' or taken[number] or number % 1 ~= 0 or number < 0 or number >= limit then
      return nil
    end
    taken[number] = true
  end
  return #numbers == count and numbers or nil
end

-- Whether the tables have the marginal utilities of all of these classes.
local function are_confirmed(stored, class_ids)
  for _, id in ipairs(class_ids) do
    if not stored['marginals:' .. id] then
      return false
    end
  end
  return true
end

-- The permanent numbers of the classes and of the types, as the document has them, or the tables if it cannot be right.
-- Types whose numbers are lost get numbers that none has had. Nil if those of the classes are lost.
local function find_numbers(run, prefix, document, stored, given, now)
  local count, fresh = 0, {}
  types.each(given.session_types, function()
    count = count + 1
    fresh[count] = math.floor(now / 1e6) + count
  end)
  local own = distinct(document[2], #given.names, constants.MAX_CLASSES)
  local other = distinct(stored.ids, #given.names, constants.MAX_CLASSES)
  local is_wrong = not own or other and not are_confirmed(stored, own) and are_confirmed(stored, other)
  local class_ids = is_wrong and other or own
  local type_numbers = distinct(document[3], count, 2 ^ 53) or distinct(stored.type_numbers, count, 2 ^ 53) or fresh
  for field, numbers in pairs({ ids = class_ids, type_numbers = type_numbers }) do
    findings.compare(run, 'document: ' .. field, document[field == 'ids' and 2 or 3] or nil, table.concat(numbers, ' '),
      function(expected) redis.call('HSET', prefix .. 'document', field, expected) end)
  end
  return class_ids, type_numbers
end

-- given: a configuration as for `put`, compiled from the stored document. Returns a refusal if there is no fleet, if
-- this version cannot use it, or if the document is another one. O(levels).
function inspection.run(key, given, run)
  local prefix = string.sub(key, 1, -6)
  local document = redis.pcall('HMGET', prefix .. 'document', 'text', 'ids', 'type_numbers')
  local stamp = redis.pcall('HGET', prefix .. 'fleet', 'now')
  local layout = type(stamp) == 'string' and tonumber(string.match(stamp, '^%d+')) or constants.LAYOUT
  if not tables.POLICIES[given.policy] or layout ~= constants.LAYOUT then
    return { 'NEWER_FLEET', layout }
  elseif redis.call('EXISTS', prefix .. 'fleet', prefix .. 'document') == 0 then
    return { 'UNKNOWN_FLEET' }
  elseif document.err or document[1] ~= given.document then
    return { 'DOCUMENT_CHANGED' }
  end
  local now, stored = given.clock, redis.pcall('HGETALL', prefix .. 'tables')
  stored = stored.err and {} or vectors.by_name(stored)
  local class_ids, type_numbers = find_numbers(run, prefix, document, stored, given, now)
  if not class_ids then
    return { 'FAILED', 'the numbers of the classes in {fleet}:document are lost' }
  end
  check_keys(run, keys.of_fleet(prefix, class_ids))
  check_fields(run, prefix, class_ids, now)
  check_types(run, prefix)
  check_tables(run, prefix, stored, vectors.by_name(tables.of(given, class_ids, type_numbers)), now)
end
