-- The audit of a fleet's tables: the live ones, without empty classes, against the full ones. The dispatcher compares
-- the full ones with the compiled document, see `audit_tables.configuration`.

audit_tables = {}

local function text_at(fleet, name)
  return redis.call('GET', keys.of_fleet(fleet, name)) or ''
end

-- A full table without the entries of classes that have no active pools, and the number of entries. O(entries).
local function without_empty(fleet, full, width, visit)
  local kept = {}
  for at = 1, #full, width do
    local class_index = tonumber(string.sub(full, at, at + constants.CLASS_BYTES - 1))
    if (fleet.pools[class_index] or 0) > 0 then
      kept[#kept + 1] = string.sub(full, at, at + width - 1)
      if visit then
        visit(class_index, #kept)
      end
    end
  end
  return table.concat(kept), #kept
end

local function check_text(report, key, expected)
  if (redis.call('GET', key) or '') ~= expected then
    report:add(key .. ': does not match the full tables')
  end
end

local function check_order(fleet, report)
  local ranks, format = {}, '%' .. constants.RANK_BYTES .. 'd'
  for class_index = 1, #fleet.numbers do
    ranks[class_index] = {}
  end
  local full = text_at(fleet, 'order:full')
  local live, last = without_empty(fleet, full, constants.ORDER_BYTES, function(class_index, rank)
    table.insert(ranks[class_index], string.format(format, rank))
  end)
  report:expect_equal('last_rank', fleet.last_rank, last)
  check_text(report, keys.of_fleet(fleet, 'order'), live)
  for class_index = 1, #fleet.numbers do
    check_text(report, keys.of_class(fleet, 'ranks', class_index), table.concat(ranks[class_index]))
  end
end

local function check_bound(fleet, report)
  local live = without_empty(fleet, text_at(fleet, 'bound:full'), constants.BOUND_BYTES)
  check_text(report, keys.of_fleet(fleet, 'bound'), live)
end

local function check_past(fleet, report)
  for _, window in ipairs(constants.WINDOWS) do
    if not history.is_valid(fleet, window) then
      report:add(keys.of_past(fleet, window) .. ': has an invalid line')
    end
  end
end

local STEPS = { ['1'] = check_order, ['2'] = check_bound, ['3'] = check_past }

-- Checks one table per call. O(levels).
function audit_tables.check(fleet, report, cursor)
  local step = tonumber(cursor) or 1
  STEPS[tostring(step)](fleet, report)
  return STEPS[tostring(step + 1)] and tostring(step + 1)
end

-- -> {CONFIGURATION, document, version, the fields of constants.CONFIGURATION_FIELDS, then the SHA-1 of order:full, of
-- bound:full and of each class's marginals}, all as stored. O(levels).
function audit_tables.configuration(fleet)
  local fields = constants.CONFIGURATION_FIELDS
  local cold = redis.call('HMGET', keys.of_fleet(fleet, 'cold'), 'config_version', unpack(fields, 2))
  local reply = { 'CONFIGURATION', text_at(fleet, 'document'), cold[1] or '', fleet.policy }
  for at = 2, #fields do
    reply[#reply + 1] = cold[at] or ''
  end
  for _, name in ipairs({ 'order:full', 'bound:full' }) do
    reply[#reply + 1] = redis.sha1hex(text_at(fleet, name))
  end
  for class_index = 1, #fleet.numbers do
    reply[#reply + 1] = redis.sha1hex(redis.call('GET', keys.of_class(fleet, 'marginals', class_index)) or '')
  end
  return reply
end
