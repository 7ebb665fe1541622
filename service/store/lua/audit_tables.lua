-- The audit of a fleet's tables: those without empty classes against the full ones. Whether the full ones follow from
-- the document is for the dispatcher to say, who can compile it: audit.configuration.

audit_tables = {}

local function text_at(fleet, name)
  return redis.call('GET', keys.of_fleet(fleet, name)) or ''
end

-- A full table without the entries of classes that have no active pools. O(entries).
local function without_empty(fleet, full, width, visit)
  local kept = {}
  for at = 1, #full, width do
    local position = tonumber(string.sub(full, at, at + constants.CLASS_BYTES - 1))
    if (fleet.pool_counts[position] or 0) > 0 then
      kept[#kept + 1] = string.sub(full, at, at + width - 1)
      if visit then
        visit(position, #kept)
      end
    end
  end
  return table.concat(kept), #kept
end

local function check_text(look, key, expected)
  if (redis.call('GET', key) or '') ~= expected then
    look:say(key .. ': does not follow from the full tables')
  end
end

local function check_order(fleet, look)
  local ranks, format = {}, '%' .. constants.RANK_BYTES .. 'd'
  for position = 1, #fleet.numbers do
    ranks[position] = {}
  end
  local live, last = without_empty(fleet, text_at(fleet, 'order:full'), constants.ORDER_BYTES, function(position, rank)
    table.insert(ranks[position], string.format(format, rank))
  end)
  look:claim('last_rank', fleet.last_rank, last)
  check_text(look, keys.of_fleet(fleet, 'order'), live)
  for position = 1, #fleet.numbers do
    check_text(look, keys.of_class(fleet, 'ranks', position), table.concat(ranks[position]))
  end
end

local function check_bound(fleet, look)
  local live = without_empty(fleet, text_at(fleet, 'bound:full'), constants.BOUND_BYTES)
  check_text(look, keys.of_fleet(fleet, 'bound'), live)
end

local function check_past(fleet, look)
  for _, window in ipairs(constants.WINDOWS) do
    if not history.is_sound(fleet, window) then
      look:say(keys.of_past(fleet, window) .. ': has a line that is no integrals')
    end
  end
end

local STEPS = { ['1'] = check_order, ['2'] = check_bound, ['3'] = check_past }

-- One table a call. O(levels).
function audit_tables.check(fleet, look, cursor)
  local step = tonumber(cursor) or 1
  STEPS[tostring(step)](fleet, look)
  return STEPS[tostring(step + 1)] and tostring(step + 1)
end

-- {CONFIGURATION, document, version, policy, utilities, names, capacities, lease, retention, beta coefficient, beta
-- power, exponent, then the SHA-1 of order:full, of bound:full and of each class's marginals}, all as they are stored.
-- O(levels).
function audit_tables.configuration(fleet)
  local cold = redis.call('HMGET', keys.of_fleet(fleet, 'cold'),
    'config_version', 'utilities', 'names', 'capacities', 'lease', 'retention', 'beta_coefficient', 'beta_power',
    'exponent')
  local reply = { 'CONFIGURATION', text_at(fleet, 'document'), cold[1] or '', fleet.policy }
  for at = 2, 9 do
    reply[#reply + 1] = cold[at] or ''
  end
  for _, name in ipairs({ 'order:full', 'bound:full' }) do
    reply[#reply + 1] = redis.sha1hex(text_at(fleet, name))
  end
  for position = 1, #fleet.numbers do
    reply[#reply + 1] = redis.sha1hex(redis.call('GET', keys.of_class(fleet, 'marginals', position)) or '')
  end
  return reply
end
