-- Pools: `pools` maps a pool id to "number status", `names` a number back to the id; `used:<class>` has a bit for
-- every pool of the class, so a bit is given again only when its pool was removed, empty and clear.

pools = {}

-- The vector that counts the pools of a status.
pools.COUNTED_IN = { active = 'pool_counts', draining = 'draining_pools', failed = 'failed_pools' }

-- Number and status of a pool; nil, nil and the refusal when there is none, or when its status is not known here.
function pools.find(fleet, pool_id)
  local record = redis.call('HGET', keys.of_fleet(fleet, 'pools'), pool_id)
  if not record then
    return nil, nil, { 'UNKNOWN_POOL' }
  end
  local number, status = string.match(record, '(%d+) (%a+)')
  if not pools.COUNTED_IN[status] then
    return nil, nil, { 'NEWER_FLEET' }
  end
  return tonumber(number), status
end

-- The id of the pool with this number; false for none.
function pools.name(fleet, number)
  local names = memory.pool_names(fleet)
  local name = names[number]
  if not name then
    name = redis.call('HGET', keys.of_fleet(fleet, 'names'), number)
    memory.keep_name(names, number, name)
  end
  return name
end

local function write(fleet, pool_id, number, status)
  redis.call('HSET', keys.of_fleet(fleet, 'pools'), pool_id, string.format('%d %s', number, status))
  redis.call('HSET', keys.of_fleet(fleet, 'names'), string.format('%d', number), pool_id)
end

-- {POOL, pool_id, class, status, occupancy}, or the refusal.
local function describe(fleet, pool_id)
  local number, status, refusal = pools.find(fleet, pool_id)
  if not number then
    return refusal
  end
  return { 'POOL', pool_id, fleet.class_names[(keys.locate(fleet, number))], status, ledger.occupancy(fleet, number) }
end

local function position_of_class(fleet, name)
  for position = 1, #fleet.class_names do
    if fleet.class_names[position] == name then
      return position
    end
  end
  return nil
end

local function count(fleet, position, status, change)
  local counts = fleet[pools.COUNTED_IN[status]]
  counts[position] = counts[position] + change
end

-- Gives a new pool of class `position` the class's lowest free bit.
local function create(fleet, pool_id, position, status)
  local used = keys.of_class(fleet, 'used', position)
  local bit = math.max(0, redis.call('BITPOS', used, 0))
  redis.call('SETBIT', used, bit, 1)
  if status == 'active' then
    redis.call('SETBIT', keys.of_class(fleet, 'active', position), bit, 1)
  end
  count(fleet, position, status, 1)
  write(fleet, pool_id, keys.pool_number(fleet, position, bit), status)
end

-- Takes an empty pool's bit back.
local function destroy(fleet, pool_id, number, status)
  local position, bit = keys.locate(fleet, number)
  redis.call('SETBIT', keys.of_class(fleet, 'used', position), bit, 0)
  redis.call('SETBIT', keys.of_class(fleet, 'active', position), bit, 0)
  count(fleet, position, status, -1)
  redis.call('HDEL', keys.of_fleet(fleet, 'pools'), pool_id)
  redis.call('HDEL', keys.of_fleet(fleet, 'names'), string.format('%d', number))
end

-- Class position by the ids that are new among (pool_id, class name) pairs, and those ids in order; nil, nil and the
-- refusal when one of the pairs cannot be. O(pairs).
local function wanted_pools(fleet, pairs_given)
  local wanted, ids = {}, {}
  for at = 1, #pairs_given, 2 do
    local pool_id, name = pairs_given[at], pairs_given[at + 1]
    local position = position_of_class(fleet, name)
    if not position then
      return nil, nil, { 'UNKNOWN_CLASS', name }
    end
    local number, _, refusal = pools.find(fleet, pool_id)
    if refusal and refusal[1] == 'NEWER_FLEET' then
      return nil, nil, refusal
    end
    local present = number and keys.locate(fleet, number) or wanted[pool_id]
    if present and present ~= position then
      return nil, nil, { 'IN_OTHER_CLASS', pool_id }
    elseif not present then
      wanted[pool_id] = position
      ids[#ids + 1] = pool_id
    end
  end
  return wanted, ids
end

-- (pool_id, class name) pairs -> {CREATED, ids that are new} | {UNKNOWN_CLASS, name} | {IN_OTHER_CLASS, pool_id}
-- | {LIMIT}. All or nothing. O(pairs).
function pools.add(fleet, pairs_given)
  local wanted, ids, refusal = wanted_pools(fleet, pairs_given)
  if not wanted then
    return refusal
  elseif redis.call('HLEN', keys.of_fleet(fleet, 'pools')) + #ids > constants.MAX_POOLS then
    return { 'LIMIT' }
  end
  -- writes
  ledger.change_pools(fleet, function()
    for _, pool_id in ipairs(ids) do
      create(fleet, pool_id, wanted[pool_id], 'active')
    end
  end)
  return { 'CREATED', unpack(ids) }
end

-- A pool's sessions count in the ledger while it is active, else apart.
local function move_column(fleet, number, from, to)
  local position, bit = keys.locate(fleet, number)
  local occupancy = ledger.occupancy(fleet, number)
  if from == 'active' then
    ledger.write_column(fleet, position, bit, occupancy, 0)
    fleet.draining_sessions[position] = fleet.draining_sessions[position] + occupancy
  elseif to == 'active' then
    ledger.write_column(fleet, position, bit, occupancy, 1)
    fleet.draining_sessions[position] = fleet.draining_sessions[position] - occupancy
  end
end

-- pool_id, status -> {POOL, pool_id, class, status, occupancy} | {UNKNOWN_POOL}. O(occupancy + pools / 8).
function pools.set_status(fleet, pool_id, status)
  local number, present, refusal = pools.find(fleet, pool_id)
  if not number then
    return refusal
  end
  -- writes
  if status ~= present then
    ledger.change_pools(fleet, function()
      local position = keys.locate(fleet, number)
      count(fleet, position, present, -1)
      count(fleet, position, status, 1)
      move_column(fleet, number, present, status)
      write(fleet, pool_id, number, status)
    end)
  end
  return describe(fleet, pool_id)
end

-- pool_id -> {REMOVED} | {UNKNOWN_POOL} | {NOT_EMPTY}. O(pools / 8).
function pools.remove(fleet, pool_id)
  local number, status, refusal = pools.find(fleet, pool_id)
  if not number then
    return refusal
  elseif ledger.occupancy(fleet, number) > 0 then
    return { 'NOT_EMPTY' }
  end
  -- writes
  ledger.change_pools(fleet, function()
    destroy(fleet, pool_id, number, status)
  end)
  return { 'REMOVED' }
end

-- pool_id, class name: the empty pool changes class and keeps its status.
--   -> {POOL, pool_id, class, status, occupancy} | {UNKNOWN_POOL} | {UNKNOWN_CLASS} | {NOT_EMPTY}. O(pools / 8).
function pools.move(fleet, pool_id, name)
  local position = position_of_class(fleet, name)
  local number, status, refusal = pools.find(fleet, pool_id)
  if not number then
    return refusal
  elseif not position then
    return { 'UNKNOWN_CLASS', name }
  elseif keys.locate(fleet, number) ~= position then
    if ledger.occupancy(fleet, number) > 0 then
      return { 'NOT_EMPTY' }
    end
    -- writes
    ledger.change_pools(fleet, function()
      destroy(fleet, pool_id, number, status)
      create(fleet, pool_id, position, status)
    end)
  end
  return describe(fleet, pool_id)
end

-- pool_id -> {POOL, pool_id, class, status, occupancy} | {UNKNOWN_POOL}.
function pools.get(fleet, pool_id)
  return describe(fleet, pool_id)
end

-- Adds {pool_id, class, status, occupancy, …} of the pools of class `position` from bit `start` on to `page`, up to
-- `limit` pools in all; the number of the next one when there are more.
local function add_page(fleet, page, position, start, limit)
  local following
  rows.each(keys.of_class(fleet, 'used', position), start, function(bit)
    local number = keys.pool_number(fleet, position, bit)
    if #page == 4 * limit then
      following = number
      return true
    end
    for at, value in ipairs(describe(fleet, pools.name(fleet, number))) do
      if at > 1 then
        page[#page + 1] = value
      end
    end
  end)
  return following
end

-- A page of pools by number from `first` on: {PAGE, next number or '', pool_id, class, status, occupancy, …}.
-- O(limit + pools of the classes passed over).
function pools.page(fleet, first, limit)
  local page = {}
  local numbers = { unpack(fleet.numbers) }
  table.sort(numbers)
  for _, class_number in ipairs(numbers) do
    local start = math.max(0, first - class_number * constants.MAX_POOLS)
    local following = add_page(fleet, page, fleet.position[class_number], start, limit)
    if following then
      return { 'PAGE', following, unpack(page) }
    end
  end
  return { 'PAGE', '', unpack(page) }
end

-- pool_id, as_of -> {IDS, session id, …} | {UNKNOWN_POOL} | {STALE_REPORT, as_of}. O(occupancy).
function pools.ids(fleet, pool_id, as_of)
  local number, _, refusal = pools.find(fleet, pool_id)
  if not number then
    return refusal
  end
  local _, stale = state.past(fleet, as_of)
  if stale then
    return stale
  end
  return { 'IDS', unpack(redis.call('SMEMBERS', keys.of_ids(fleet, number))) }
end
