-- Pools as they are stored, whose records, names, bits and timers may be unreadable or disagree.

stored_pools = {}

local LONGEST = 315360000e6 -- µs from a loss until a pool is gone, and from then until it is forgotten

-- Salvages a pool's record; its pool_number is nil if no class has it. Its times may be `ahead` µs of the fleet's.
function stored_pools.salvage(fleet, pool_id, record, ahead)
  local pool = pool_records.salvage(type(record) == 'string' and record or '', fleet.time + (ahead or 0))
  pool.class_index, pool.pool_index = keys.locate(fleet, pool.pool_number or -1)
  pool.pool_id, pool.pool_number = pool_id, pool.class_index and pool.pool_number
  return pool
end

-- The salvaged record of a pool, without a number if it has none.
function stored_pools.read(fleet, pool_id)
  return stored_pools.salvage(fleet, pool_id, redis.pcall('HGET', keys.of_fleet(fleet, 'pools'), pool_id))
end

-- The number of a pool alone, as from `read`.
function stored_pools.number(fleet, pool_id)
  local record = redis.pcall('HGET', keys.of_fleet(fleet, 'pools'), pool_id)
  local pool_number = tonumber(type(record) == 'string' and string.match(record, '^(%d+) ') or -1)
  return keys.locate(fleet, pool_number) and pool_number or nil
end

-- The bit of a pool in a row of its class; an error table if the row is no string.
function stored_pools.bit(fleet, row, pool_number)
  local class_index, pool_index = keys.locate(fleet, pool_number)
  return redis.pcall('GETBIT', keys.of_class(fleet, row, class_index), pool_index)
end

-- Writes the record, the name and the bit of a pool.
function stored_pools.set(fleet, pool)
  pool.class_index, pool.pool_index = keys.locate(fleet, pool.pool_number)
  redis.call('HSET', keys.of_fleet(fleet, 'pools'), pool.pool_id, pool_records.text(pool))
  redis.call('HSET', keys.of_fleet(fleet, 'names'), string.format('%d', pool.pool_number), pool.pool_id)
  redis.call('SETBIT', keys.of_class(fleet, 'used', pool.class_index), pool.pool_index, 1)
end

-- Whether the row of a class has a pool with this number.
function stored_pools.is_used(fleet, pool_number)
  return pool_number and keys.locate(fleet, pool_number) and stored_pools.bit(fleet, 'used', pool_number) ~= 0
end

-- The lowest free pool number of a class; nil if there is none.
local function free_number(fleet, class_index)
  local pool_index = math.max(0, redis.call('BITPOS', keys.of_class(fleet, 'used', class_index), 0))
  return pool_index < constants.MAX_POOLS and keys.pool_number(fleet, class_index, pool_index) or nil
end

-- `pool_number`, or a free one of the same class if it belongs to another pool; session records name the pool by id and
-- follow. Nil if there is none.
function stored_pools.number_for(fleet, pool_id, pool_number)
  local holder = records.pool_name(fleet, pool_number)
  if holder and holder ~= pool_id then
    return free_number(fleet, (keys.locate(fleet, pool_number)))
  end
  return pool_number
end

-- A part: pools whose name and bit exist. O(work).
function stored_pools.walk_names(fleet, slice, cursor)
  return slices.each_pair(fleet, 'names', slice, cursor, function(pool_number, pool_id)
    pool_number = tonumber(pool_number)
    if stored_pools.is_used(fleet, pool_number) then
      slice:named(fleet, stored_pools.read(fleet, pool_id), pool_number)
    end
  end)
end

-- Calls visit(member, due, latest, is_optional, earliest) for each timer that a pool can have: `due` is when a repair
-- has it run out, false without one; `latest` and `earliest` are possible times. Every lease of a pool in service
-- begins anew. The timer of a drain is that of its record, unless a recovery or the end of its sessions puts it off.
local function each_timer(fleet, pool, visit)
  local lease, drain, time = pool.lease, pool.drain, fleet.time
  if lease then
    local is_failed, is_alive = pool.status == 'failed', lease.liveness == 'alive'
    local length = is_alive and transitions.GRACE * lease.ttl or fleet.gone
    local due = not is_failed and lease.liveness ~= 'unconfirmed' and time + length
    local latest = time + fleet_time.MAX_STEP + (is_alive and length or LONGEST) -- a heartbeat does not write the state
    visit(pool.pool_id, due, latest, is_failed or lease.liveness == 'gone')
  end
  if drain then
    local due = pool_records.drain_due(pool) or false
    local latest = math.max(due or 0, fleet.recovering_until, pool.status == 'failed' and time or 0)
    visit('drain@' .. pool.pool_id, due, latest, false, due)
  end
end

-- A part: some records of pools, and the names, bits and timers that they determine. O(work).
function stored_pools.walk(fleet, slice, cursor)
  cold.load(fleet, 'gone', 'recovering_until')
  return slices.each_pair(fleet, 'pools', slice, cursor, function(pool_id, record)
    local pool = stored_pools.salvage(fleet, pool_id, record, slice.ahead)
    pool.status = pool.status or 'draining'
    local normal = pool.pool_number and pool_records.text(pool)
    slice:record(fleet, 'pool', pool_id, record, normal, not normal and 'its record is unreadable' or nil, pool_id)
    if normal and not slice.is_survey and slice:place(fleet, pool) then
      each_timer(fleet, pool, function(...) slice:timer(fleet, ...) end)
      local key = keys.of_fleet(fleet, 'forgotten')
      if type(redis.pcall('ZSCORE', key, pool_id)) == 'string' then
        slice:wrong('pool ' .. pool_id .. ': is forgotten', function() redis.call('ZREM', key, pool_id) end)
      end
    end
  end)
end

-- A part: each timer is of a guard, or of a pool that has what it is of. A lease that is missing begins now. O(work).
function stored_pools.walk_timers(fleet, slice, cursor)
  return slices.each_pair(fleet, 'timers', slice, cursor, function(member)
    local kind, pool_id = timers.parse(fleet, member)
    local pool = kind ~= 'guard' and kind and stored_pools.read(fleet, pool_id)
    if not kind or pool and not pool[kind] then
      slice:wrong('timer ' .. member .. ': there is nothing that it is of', function()
        if kind == 'lease' and pool.pool_number and pool.status then
          pool.lease = { ttl = pool_records.UNKNOWN_TTL, liveness = 'alive', since = fleet.time, listed = fleet.time }
          stored_pools.set(fleet, pool)
        end
      end)
    end
  end)
end
