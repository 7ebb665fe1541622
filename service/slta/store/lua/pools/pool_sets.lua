-- Changes of pools: applies what `transitions` has decided. What follows is the difference between the stored record
-- and the present one: the sorted set in which the pool has its sessions, counts, the guard of the class, timers, and
-- the record itself.

pool_sets = {}

pool_sets.OFF, pool_sets.ON, pool_sets.OVER = 0, 1, 2 -- states of the guard of a class

local COUNTED_IN = { -- by status, and by liveness
  draining = 'draining_pools', failed = 'failed_pools', alive = 'pools_alive', lost = 'pools_lost', gone = 'pools_gone',
}
local NONE = {} -- a pool before it is made, and after it is removed

-- The status under which a pool is counted: draining if it is active and away; and the liveness, that of an active one.
local function counted_as(pool)
  local is_away = pool.status == 'active' and not pool_records.is_in_service(pool)
  return is_away and 'draining' or pool.status, pool.status == 'active' and pool.lease and pool.lease.liveness or nil
end

-- Calls visit(name) for the numbers of its class that count a pool.
function pool_sets.each_count(pool, visit)
  local status, word = counted_as(pool)
  for _, counted in ipairs({ status or false, word }) do
    if COUNTED_IN[counted] then
      visit(COUNTED_IN[counted])
    end
  end
end

local function recount(fleet, pool, before, after)
  local function add(change)
    return function(name)
      state.add(fleet, name, pool.class, change)
      tallies.add(fleet, pool.pool_number, tables.field(fleet, name, pool.class), change)
    end
  end
  pool_sets.each_count(before, add(-1))
  pool_sets.each_count(after, add(1))
end

-- The guard of the class counts a pool that is lost or unconfirmed no more, or as heard; or one that is unconfirmed
-- now.
local function recount_guard(fleet, pool, before, after)
  local class, is_counted = pool.class, before == 'unconfirmed'
  local is_on = fleet.guard[class] == pool_sets.ON
  if before == 'lost' then
    is_counted = redis.call('ZREM', fleet.tables_of.keys.lost[class], pool.pool_id) == 1 and is_on
  end
  if is_counted and after == 'alive' then
    state.add(fleet, 'guard_heard', class, 1)
  elseif is_counted and is_on then
    state.add(fleet, 'guard_pools', class, -1)
  end
  if after == 'unconfirmed' then
    state.add(fleet, 'guard_pools', class, 1)
    state.set(fleet, 'guard_ttl', class, math.max(fleet.guard_ttl[class], pool.lease.ttl))
  end
end

-- The sessions of a pool move between those in service and the others, by kind. O(its sessions).
local function move_types(fleet, class, number, sign)
  local counts, key = {}, fleet.tables_of.keys.ids .. number
  for _, record in ipairs(commands.read_all(fleet.tables_of.keys.sessions, redis.call('SMEMBERS', key))) do
    local type_number = string.match(record or '', '^%S+ (%d+)') or error('a record of ' .. key .. ' is unreadable')
    local kind = types.of_number(fleet, tonumber(type_number))
    counts[kind] = (counts[kind] or 0) + 1
  end
  for kind, moved in pairs(counts) do
    types.move(fleet, kind, class, number, sign * moved)
    types.move_elsewhere(fleet, kind, number, -sign * moved)
  end
end

-- Moves a pool from one sorted set to another; nil for none, before it is made and after it is removed. O(log pools),
-- with types O(its sessions).
local function move(fleet, pool, from, to)
  local compiled, class, number = fleet.tables_of, pool.class, string.format('%d', pool.pool_number)
  local held = from and to and pool_records.occupancy(fleet, pool) or 0
  local was_serving, is_serving = from and from ~= 'leaving' or false, to and to ~= 'leaving' or false
  if from then
    redis.call('ZREM', compiled.keys[from][class], number)
  end
  if to and (is_serving or held > 0) then
    redis.call('ZADD', compiled.keys[to][class], held, number)
  end
  if compiled.policy_table.move_pool and (from == 'pools' or to == 'pools') then
    compiled.policy_table.move_pool(fleet, class, number, held, to == 'pools')
  end
  if was_serving ~= is_serving then
    policies.add_pool(fleet, class, held, is_serving and 1 or -1)
    if compiled.types and held > 0 then
      move_types(fleet, class, number, is_serving and 1 or -1)
    end
  end
end

-- Writes the records, and the names of pools that are made or removed.
local function write(fleet, changed)
  local all, stored, names, removed, unnamed = fleet.tables_of.keys, {}, {}, {}, {}
  for _, pool in ipairs(changed) do
    local number, place = string.format('%d', pool.pool_number), pool.pool_number % constants.MAX_POOLS
    if pool.removed then
      removed[#removed + 1], unnamed[#unnamed + 1] = pool.pool_id, number
      redis.call('SETBIT', all.used[pool.class], place, 0)
    else
      if not pool.stored then
        names[#names + 1], names[#names + 2] = number, pool.pool_id
      end
      pool.stored = pool_records.text(pool)
      stored[#stored + 1], stored[#stored + 2] = pool.pool_id, pool.stored
    end
  end
  commands.send('HDEL', all.records, removed)
  commands.send('HDEL', all.names, unnamed)
  commands.send('HSET', all.records, stored)
  commands.send('HSET', all.names, names)
end

-- Counts a changed pool, and moves it between the sets; returns whether it did.
local function place(fleet, pool)
  local before, after = pool_records.parse(pool.stored) or NONE, pool.removed and NONE or pool
  local was, is = before.lease and before.lease.liveness, after.lease and after.lease.liveness
  if before == NONE then
    tallies.begin(fleet, pool.pool_number)
  end
  recount(fleet, pool, before, after)
  if was ~= is then
    recount_guard(fleet, pool, was, is)
  end
  if was ~= is or before.status ~= after.status or pool.drain_due ~= nil then
    state.touch(fleet) -- otherwise only times have changed
  end
  local from, to = before ~= NONE and pool_records.set_of(before), after ~= NONE and pool_records.set_of(after)
  if from ~= to then
    move(fleet, pool, from, to)
  end
  return from ~= to
end

-- Applies what has changed of pools from `pool_records.read`, or of new ones; returns whether anything has. O(pools
-- given * log pools), and O(r* + classes) if one moved between the sets.
function pool_sets.apply(fleet, found)
  local changed, has_moved = {}, false
  for _, pool in ipairs(found) do
    changed[#changed + 1] = pool.changed and pool or nil
    pool.changed = false -- one may be in the list twice
  end
  if changed[1] then
    policies.count(fleet)
    policies.integrate_pools(fleet)
    for _, pool in ipairs(changed) do
      has_moved = place(fleet, pool) or has_moved
    end
    write(fleet, changed)
  end
  if has_moved then
    policies.rebuild(fleet)
  end
  timers.set(fleet, found)
  return changed[1] ~= nil
end
