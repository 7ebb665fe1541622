-- The audit of pools: a pool's record, its name, its set of ids, and its column of bits in every row.

audit_pools = {}

-- Name, number and status of the pool at a bit agree; whether it is active, and its sessions.
local function check_pool(fleet, look, number)
  local name = records.pool_name(fleet, number)
  local record = name and redis.call('HGET', keys.of_fleet(fleet, 'pools'), name)
  local stored, status = string.match(record or '', '^(%d+) (%a+)$')
  if tonumber(stored) ~= number then
    look:say(string.format('pool number %d: has no name and record that agree', number))
  elseif not pools.COUNTED_IN[status] then
    look:say('pool ' .. name .. ': its status is ' .. status)
  end
  return status == 'active', ledger.occupancy(fleet, number)
end

local function check_row(look, key, block, expected)
  if columns.stored(key, block) ~= expected then
    look:say(string.format('%s: bits of the pools from %d on', key, block * columns.POOLS))
  end
end

local function check_block(fleet, look, position, block)
  local occupancies, name = {}, fleet.class_names[position]
  for _, place in ipairs(columns.places(keys.of_class(fleet, 'used', position), block)) do
    local number = keys.pool_number(fleet, position, block * columns.POOLS + place)
    local is_active, occupancy = check_pool(fleet, look, number)
    occupancies[place] = is_active and occupancy or nil
    if occupancy > fleet.capacities[position] then
      look:say(string.format('pool number %d of class %s: holds %d sessions', number, name, occupancy))
    end
  end
  local all = columns.bits(occupancies, function() return true end)
  check_row(look, keys.of_class(fleet, 'active', position), block, all)
  columns.levels(occupancies, fleet.capacities[position], function(level, expected)
    check_row(look, keys.of_level(fleet, position, level), block, expected)
  end)
  for key, holds in pairs(policies.tell(fleet, 'rows', position) or {}) do
    check_row(look, key, block, columns.bits(occupancies, holds))
  end
end

-- Blocks of pools. O(work + capacity).
function audit_pools.check_columns(fleet, look, cursor)
  return columns.each_block(fleet, look, cursor, function(position, block)
    check_block(fleet, look, position, block)
    look:worked(fleet.capacities[position] + 4 * columns.POOLS)
  end)
end

-- Every id in a pool's set has a record that names the pool.
local function check_ids(fleet, look, number)
  local ids = redis.call('SMEMBERS', keys.of_ids(fleet, number))
  local wanted = string.format('%d ', number)
  for at, record in ipairs(records.read_all(fleet, ids)) do
    if string.sub(record or '', 1, #wanted) ~= wanted then
      look:say(string.format('session %s: is among the ids of pool number %d and has no record there', ids[at], number))
    end
  end
  return #ids
end

-- Pools one by one. O(work + sessions of a pool).
function audit_pools.check_members(fleet, look, cursor)
  return columns.each_pool(fleet, look, cursor, function(number)
    return 2 + 2 * check_ids(fleet, look, number)
  end)
end
