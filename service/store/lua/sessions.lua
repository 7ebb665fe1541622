-- Sessions: `sessions` maps an id to "pool start lease" (pool number, fleet time and duration in µs), `leases`
-- orders ids by deadline, `ended:0` and `ended:1` remember ended ids as "reason pool_id" in two generations, the
-- older of which is dropped whole.
--
-- Each operation reads and checks, then writes; below the line "-- writes" it cannot be refused.

sessions = {}

sessions.REAP = 32

local function read(fleet, id)
  local record = redis.call('HGET', fleet.prefix .. 'sessions', id)
  if not record then
    return nil
  end
  local number, start, lease = string.match(record, '(%d+) (%d+) (%d+)')
  return tonumber(number), tonumber(start), tonumber(lease)
end

-- Reason and pool id of a session that has ended within the retention time; nil when it has not.
function sessions.ended(fleet, id)
  for generation = 0, 1 do
    local record = redis.call('HGET', fleet.prefix .. 'ended:' .. generation, id)
    if record then
      return string.match(record, '(%S+) (%S*)')
    end
  end
  return nil
end

local function remember_end(fleet, id, reason, pool_id)
  redis.call('HSET', fleet.prefix .. 'ended:' .. fleet.ended_generation, id, reason .. ' ' .. pool_id)
end

local function set_lease(fleet, id, lease)
  if lease > 0 then
    redis.call('ZADD', fleet.prefix .. 'leases', string.format('%.17g', fleet.time + lease), id)
  else
    redis.call('ZREM', fleet.prefix .. 'leases', id)
  end
end

local function begin(fleet, id, position, bit, lease)
  local number = state.pool_number(fleet, position, bit)
  redis.call('HSET', fleet.prefix .. 'sessions', id, string.format('%.0f %.0f %.0f', number, fleet.time, lease))
  redis.call('SADD', fleet.prefix .. 'ids:' .. number, id)
  if lease > 0 then
    set_lease(fleet, id, lease)
  end
  ledger.rose(fleet, position, bit, ledger.occupancy(fleet, number))
end

local function finish(fleet, id, number, reason, pool_id)
  local position, bit = state.locate(fleet, number)
  redis.call('HDEL', fleet.prefix .. 'sessions', id)
  redis.call('SREM', fleet.prefix .. 'ids:' .. number, id)
  redis.call('ZREM', fleet.prefix .. 'leases', id)
  ledger.fell(fleet, position, bit, ledger.occupancy(fleet, number) + 1)
  remember_end(fleet, id, reason, pool_id)
  fleet[reason] = fleet[reason] + 1
end

local function lease_or_default(fleet, lease)
  return lease == '' and fleet.lease or tonumber(lease)
end

-- id, lease in µs ('' for the fleet's, 0 for none), draw in [0, 1)
--   -> ASSIGNED pool_id class token lease | REPLAYED pool_id class lease | ENDED reason pool_id
--    | NO_ACTIVE_POOL | FULL
-- O(classes + log pools).
function sessions.assign(fleet, id, lease, draw)
  local number, _, held = read(fleet, id)
  if number then
    return { 'REPLAYED', state.pool_name(fleet, number), fleet.names[state.locate(fleet, number)], held }
  end
  local reason, ended_on = sessions.ended(fleet, id)
  if reason then
    return { 'ENDED', reason, ended_on }
  end
  if fleet.active_pools == 0 then
    fleet.rejected_no_active_pool = fleet.rejected_no_active_pool + 1
    return { 'NO_ACTIVE_POOL' }
  elseif fleet.sessions == fleet.room_for then
    fleet.rejected_no_capacity = fleet.rejected_no_capacity + 1
    return { 'FULL' }
  end
  lease = lease_or_default(fleet, lease)
  local policy = ledger.policy(fleet)
  local direction = policy.judge(fleet)
  local token, position, bit = policy.choose(fleet, tonumber(draw))
  local pool_id = state.pool_name(fleet, state.pool_number(fleet, position, bit))
  -- writes
  begin(fleet, id, position, bit, lease)
  policy.learn(fleet, direction)
  fleet.assigned = fleet.assigned + 1
  local tally = fleet['assigned_' .. token]
  tally[position] = tally[position] + 1
  return { 'ASSIGNED', pool_id, fleet.names[position], token, lease }
end

-- id -> COMPLETED pool_id | ENDED reason pool_id | UNKNOWN. O(1).
function sessions.complete(fleet, id)
  local number = read(fleet, id)
  if number then
    local pool_id = state.pool_name(fleet, number)
    -- writes
    finish(fleet, id, number, 'completed', pool_id)
    return { 'COMPLETED', pool_id }
  end
  local reason, ended_on = sessions.ended(fleet, id)
  if not reason then
    -- writes: the assign of this id may still be under way
    remember_end(fleet, id, 'completed_before_assign', '')
    return { 'UNKNOWN' }
  elseif reason == 'completed_before_assign' then
    return { 'UNKNOWN' }
  end
  return { 'ENDED', reason, ended_on }
end

-- id, lease in µs ('' for the session's own, 0 for none from now on) -> RENEWED | EXPIRED | UNKNOWN. O(log sessions).
function sessions.renew(fleet, id, lease)
  local number, start, held = read(fleet, id)
  if not number then
    return { sessions.ended(fleet, id) and 'EXPIRED' or 'UNKNOWN' }
  end
  lease = lease == '' and held or tonumber(lease)
  -- writes
  set_lease(fleet, id, lease)
  redis.call('HSET', fleet.prefix .. 'sessions', id, string.format('%.0f %.0f %.0f', number, start, lease))
  return { 'RENEWED' }
end

-- id, pool_id, lease in µs ('' for the fleet's): a session that the pool says it holds.
--   -> ADOPTED | PRESENT | ELSEWHERE | ENDED | OVER_CAPACITY | UNKNOWN_POOL. O(1).
function sessions.adopt(fleet, id, pool_id, lease)
  local target = pools.find(fleet, pool_id)
  if not target then
    return { 'UNKNOWN_POOL' }
  end
  local number = read(fleet, id)
  if number then
    return { number == target and 'PRESENT' or 'ELSEWHERE' }
  elseif sessions.ended(fleet, id) then
    return { 'ENDED' }
  end
  local position, bit = state.locate(fleet, target)
  if ledger.occupancy(fleet, target) >= fleet.capacities[position] then
    return { 'OVER_CAPACITY' }
  end
  -- writes
  begin(fleet, id, position, bit, lease_or_default(fleet, lease))
  fleet.adopted = fleet.adopted + 1
  return { 'ADOPTED' }
end

-- id, pool_id, reason, fleet time in µs ('' for any): ends the session if it is on that pool and began before.
--   -> ENDED_NOW | KEPT | UNKNOWN. O(1).
function sessions.end_on(fleet, id, pool_id, reason, before)
  local number, start = read(fleet, id)
  if not number then
    return { 'UNKNOWN' }
  elseif number ~= pools.find(fleet, pool_id) or (before ~= '' and start >= tonumber(before)) then
    return { 'KEPT' }
  end
  -- writes
  finish(fleet, id, number, reason, pool_id)
  return { 'ENDED_NOW' }
end

-- Ends at most REAP sessions whose lease is over, and returns how many. O(REAP).
function sessions.reap(fleet)
  if fleet.time < fleet.hold_until then
    return 0
  end
  local due = redis.call(
    'ZRANGEBYSCORE', fleet.prefix .. 'leases', '-inf', string.format('%.17g', fleet.time), 'LIMIT', 0, sessions.REAP
  )
  for _, id in ipairs(due) do
    local number = read(fleet, id)
    finish(fleet, id, number, 'expired', state.pool_name(fleet, number))
  end
  return #due
end

-- Drops the older generation of ended ids when the younger one is as old as the retention time. O(1).
function sessions.forget(fleet)
  if fleet.time - fleet.ended_since >= fleet.retention then
    fleet.ended_generation = 1 - fleet.ended_generation
    fleet.ended_since = fleet.time
    redis.call('UNLINK', fleet.prefix .. 'ended:' .. fleet.ended_generation)
  end
end
