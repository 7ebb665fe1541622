-- Changes of pools: applies what `transitions` has decided. What follows is the difference between the stored record
-- and the present one: counts, rows, the guard of the class, timers, and the record itself.

pool_changes = {}

local NONE = {} -- a pool before it is made, and after it is removed
local REVISED, SERVICE, NAMES = 1, 2, 3 -- what has changed: more than times, who is in service, who exists

-- The set of pools of a class that were lost within the last lease, by fleet time.
function pool_changes.lost_key(fleet, class_index)
  return keys.of_class(fleet, 'lost', class_index)
end

local function mark_unconfirmed(fleet, pool, present)
  redis.call('SETBIT', keys.of_class(fleet, 'unconfirmed', pool.class_index), pool.pool_index, present)
  fleet.unconfirmed = fleet.unconfirmed + (present == 1 and 1 or -1)
end

-- The guard of the class counts a pool that is lost or unconfirmed no more, or as heard; or one that is unconfirmed
-- now.
local function recount_guard(fleet, pool, before, after)
  liveness.load(fleet)
  local class_index, is_counted = pool.class_index, before == 'unconfirmed'
  local is_on = fleet.guard[class_index] == liveness.ON
  if is_counted then
    mark_unconfirmed(fleet, pool, 0)
  elseif before == 'lost' then
    is_counted = redis.call('ZREM', pool_changes.lost_key(fleet, class_index), pool.pool_id) == 1 and is_on
  end
  if is_counted and after == 'alive' then
    fleet.guard_heard[class_index] = fleet.guard_heard[class_index] + 1
  elseif is_counted and is_on then
    fleet.guard_pools[class_index] = fleet.guard_pools[class_index] - 1
  end
  if after == 'unconfirmed' then
    mark_unconfirmed(fleet, pool, 1)
    liveness.add_unconfirmed(fleet, pool)
  end
end

-- Counts a changed pool by liveness, and sets what `pool_rows.move` takes. Returns what has changed, 0 for times only.
local function compare(fleet, pool)
  local before, after = pool_records.parse(pool.stored) or NONE, pool.removed and NONE or pool
  local was, is = before.lease and before.lease.liveness, after.lease and after.lease.liveness
  liveness.recount(fleet, pool.class_index, before, after)
  if was ~= is then
    recount_guard(fleet, pool, was, is)
  end
  pool.counted, pool.to_count = pool_records.counted_as(before), pool_records.counted_as(after)
  if before == NONE or after == NONE then
    return NAMES
  elseif (pool.counted == 'active') ~= (pool.to_count == 'active') then
    return SERVICE
  end
  return (was ~= is or before.status ~= after.status or pool.drain_due ~= nil) and REVISED or 0
end

-- Writes the records, and the names of pools that are made or removed.
local function write(fleet, changed)
  local stored, names, removed, unnamed = {}, {}, {}, {}
  for _, pool in ipairs(changed) do
    local number = string.format('%d', pool.pool_number)
    if pool.removed then
      removed[#removed + 1], unnamed[#unnamed + 1] = pool.pool_id, number
      redis.call('SETBIT', keys.of_class(fleet, 'used', pool.class_index), pool.pool_index, 0)
    else
      if not pool.stored then
        names[#names + 1], names[#names + 2] = number, pool.pool_id
      end
      pool.stored = pool_records.text(pool)
      stored[#stored + 1], stored[#stored + 2] = pool.pool_id, pool.stored
    end
  end
  write_buffer.send('HDEL', keys.of_fleet(fleet, 'pools'), removed)
  write_buffer.send('HDEL', keys.of_fleet(fleet, 'names'), unnamed)
  write_buffer.send('HSET', keys.of_fleet(fleet, 'pools'), stored)
  write_buffer.send('HSET', keys.of_fleet(fleet, 'names'), names)
end

-- Applies what has changed of pools from `pool_records.read`, or of new ones. O(pools given + levels in use * pools /
-- 8), O(pools given * log timers) if none is in service that was not, or out of it.
function pool_changes.apply(fleet, found)
  local changed, extent = {}, 0
  for _, pool in ipairs(found) do
    if pool.changed then
      pool.changed, changed[#changed + 1] = false, pool
      extent = math.max(extent, compare(fleet, pool))
    end
  end
  local function run()
    pool_rows.move(fleet, changed)
    write(fleet, changed)
  end
  if extent >= SERVICE then
    local change = extent == NAMES and derived.change or derived.change_service
    change(fleet, run)
  elseif changed[1] then
    fleet.revision = fleet.revision + extent
    run()
  end
  timers.set(fleet, found)
end
