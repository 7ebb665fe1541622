-- Pools: `pools` maps a pool id to "number status", `names` a number back to the id; `used:<class>` has a bit for
-- every pool of the class, so a bit is given again only when its pool was removed, empty and clear.

pools = {}

pools.LIMIT = 65536

-- Number and status of a pool; nil when there is none.
function pools.find(fleet, pool_id)
  local record = redis.call('HGET', fleet.prefix .. 'pools', pool_id)
  if not record then
    return nil
  end
  local number, status = string.match(record, '(%d+) (%a+)')
  return tonumber(number), status
end

local function write(fleet, pool_id, number, status)
  redis.call('HSET', fleet.prefix .. 'pools', pool_id, string.format('%d %s', number, status))
  redis.call('HSET', fleet.prefix .. 'names', string.format('%d', number), pool_id)
end

local function describe(fleet, pool_id)
  local number, status = pools.find(fleet, pool_id)
  return { pool_id, fleet.names[(state.locate(fleet, number))], status, ledger.occupancy(fleet, number) }
end

local function position_of_class(fleet, name)
  for position = 1, #fleet.names do
    if fleet.names[position] == name then
      return position
    end
  end
  return nil
end

local STATUS_COUNT = { draining = 'draining_pools', failed = 'failed_pools' }

local function count_status(fleet, position, status, change)
  if status == 'active' then
    ledger.count_pools(fleet, position, change)
  else
    local counts = fleet[STATUS_COUNT[status]]
    counts[position] = counts[position] + change
  end
end

-- Gives a new pool of class `position` the class's lowest free bit.
local function create(fleet, pool_id, position, status)
  local used = state.class_key(fleet, 'used', position)
  local bit = math.max(0, redis.call('BITPOS', used, 0))
  redis.call('SETBIT', used, bit, 1)
  if status == 'active' then
    redis.call('SETBIT', state.class_key(fleet, 'active', position), bit, 1)
  end
  count_status(fleet, position, status, 1)
  write(fleet, pool_id, state.pool_number(fleet, position, bit), status)
end

-- Takes an empty pool's bit back.
local function destroy(fleet, pool_id, number, status)
  local position, bit = state.locate(fleet, number)
  redis.call('SETBIT', state.class_key(fleet, 'used', position), bit, 0)
  redis.call('SETBIT', state.class_key(fleet, 'active', position), bit, 0)
  count_status(fleet, position, status, -1)
  redis.call('HDEL', fleet.prefix .. 'pools', pool_id)
  redis.call('HDEL', fleet.prefix .. 'names', string.format('%d', number))
end

-- (pool_id, class name) pairs -> {CREATED, ids that are new} | {UNKNOWN_CLASS, name} | {IN_OTHER_CLASS, pool_id}
-- | {LIMIT}. All or nothing. O(pairs).
function pools.add(fleet, pairs_given)
  local wanted, created = {}, { 'CREATED' }
  for at = 1, #pairs_given, 2 do
    local pool_id, name = pairs_given[at], pairs_given[at + 1]
    local position = position_of_class(fleet, name)
    if not position then
      return { 'UNKNOWN_CLASS', name }
    end
    local number = pools.find(fleet, pool_id)
    if number and state.locate(fleet, number) ~= position then
      return { 'IN_OTHER_CLASS', pool_id }
    elseif not number and wanted[pool_id] and wanted[pool_id] ~= position then
      return { 'IN_OTHER_CLASS', pool_id }
    elseif not number and not wanted[pool_id] then
      wanted[pool_id] = position
      created[#created + 1] = pool_id
    end
  end
  if redis.call('HLEN', fleet.prefix .. 'pools') + #created - 1 > pools.LIMIT then
    return { 'LIMIT' }
  end
  -- writes
  accounting.settle_pools(fleet)
  for at = 2, #created do
    create(fleet, created[at], wanted[created[at]], 'active')
  end
  ledger.pools_changed(fleet)
  return created
end

-- pool_id, status -> {POOL, pool_id, class, status, occupancy} | {UNKNOWN_POOL}. O(occupancy + pools / 8).
function pools.set_status(fleet, pool_id, status)
  local number, present = pools.find(fleet, pool_id)
  if not number then
    return { 'UNKNOWN_POOL' }
  end
  -- writes
  if status ~= present then
    local position, bit = state.locate(fleet, number)
    local occupancy = ledger.occupancy(fleet, number)
    accounting.settle_pools(fleet)
    count_status(fleet, position, present, -1)
    count_status(fleet, position, status, 1)
    if present == 'active' then
      ledger.write_column(fleet, position, bit, occupancy, 0)
      fleet.draining_sessions[position] = fleet.draining_sessions[position] + occupancy
    elseif status == 'active' then
      ledger.write_column(fleet, position, bit, occupancy, 1)
      fleet.draining_sessions[position] = fleet.draining_sessions[position] - occupancy
    end
    write(fleet, pool_id, number, status)
    ledger.pools_changed(fleet)
  end
  return { 'POOL', unpack(describe(fleet, pool_id)) }
end

-- pool_id -> {REMOVED} | {UNKNOWN_POOL} | {NOT_EMPTY}. O(pools / 8).
function pools.remove(fleet, pool_id)
  local number, status = pools.find(fleet, pool_id)
  if not number then
    return { 'UNKNOWN_POOL' }
  elseif ledger.occupancy(fleet, number) > 0 then
    return { 'NOT_EMPTY' }
  end
  -- writes
  accounting.settle_pools(fleet)
  destroy(fleet, pool_id, number, status)
  ledger.pools_changed(fleet)
  return { 'REMOVED' }
end

-- pool_id, class name: the empty pool changes class and keeps its status.
--   -> {POOL, pool_id, class, status, occupancy} | {UNKNOWN_POOL} | {UNKNOWN_CLASS} | {NOT_EMPTY}. O(pools / 8).
function pools.move(fleet, pool_id, name)
  local position = position_of_class(fleet, name)
  local number, status = pools.find(fleet, pool_id)
  if not number then
    return { 'UNKNOWN_POOL' }
  elseif not position then
    return { 'UNKNOWN_CLASS', name }
  elseif state.locate(fleet, number) ~= position then
    if ledger.occupancy(fleet, number) > 0 then
      return { 'NOT_EMPTY' }
    end
    -- writes
    accounting.settle_pools(fleet)
    destroy(fleet, pool_id, number, status)
    create(fleet, pool_id, position, status)
    ledger.pools_changed(fleet)
  end
  return { 'POOL', unpack(describe(fleet, pool_id)) }
end

-- pool_id -> {POOL, pool_id, class, status, occupancy} | {UNKNOWN_POOL}.
function pools.get(fleet, pool_id)
  if not pools.find(fleet, pool_id) then
    return { 'UNKNOWN_POOL' }
  end
  return { 'POOL', unpack(describe(fleet, pool_id)) }
end

-- A page of pools by number from `first` on: {PAGE, next number or '', pool_id, class, status, occupancy, …}.
-- O(limit + pools of the classes passed over).
function pools.page(fleet, first, limit)
  local page = { 'PAGE', '' }
  local numbers = { unpack(fleet.numbers) }
  table.sort(numbers)
  for _, class_number in ipairs(numbers) do
    local start = math.max(0, first - class_number * 65536)
    local position = fleet.position[class_number]
    rows.each(state.class_key(fleet, 'used', position), start, function(bit)
      local number = state.pool_number(fleet, position, bit)
      if (#page - 2) / 4 == limit then
        page[2] = number
        return true
      end
      for _, value in ipairs(describe(fleet, state.pool_name(fleet, number))) do
        page[#page + 1] = value
      end
    end)
    if page[2] ~= '' then
      return page
    end
  end
  return page
end

-- pool_id -> {SESSIONS, id, id, …} | {UNKNOWN_POOL}. O(occupancy).
function pools.sessions(fleet, pool_id)
  local number = pools.find(fleet, pool_id)
  if not number then
    return { 'UNKNOWN_POOL' }
  end
  return { 'SESSIONS', unpack(redis.call('SMEMBERS', ledger.ids_key(fleet, number))) }
end
