-- Drains whose deadline has passed: ticks carry them out, a slice per call.

due_drains = {}

local MAX_POOLS = 250 -- deadlines that one tick carries out
local MAX_ENDED = 128 -- sessions that it ends on pools that fail

-- Whether a deadline has passed and is not carried out yet. O(log pools).
local function are_due(fleet)
  return redis.call('ZCOUNT', keys.of_fleet(fleet, 'drains'), 0, string.format('%.0f', fleet.time)) > 0
end

-- At most MAX_POOLS of their members, the earliest first.
local function due(fleet)
  local now = string.format('%.0f', fleet.time)
  return redis.call('ZRANGEBYSCORE', keys.of_fleet(fleet, 'drains'), 0, now, 'LIMIT', 0, MAX_POOLS)
end

-- Appends values to a list of at most events.MAX_IDS.
local function append_ids(list, ids)
  for _, id in ipairs(ids) do
    list[#list + 1] = #list < events.MAX_IDS and id or nil
  end
end

-- Records that the drains of these pools ended, with the sessions that are left on them.
local function record(fleet, ended)
  local event, session_ids = events.begin('drain_ended', fleet, fleet.clock, ''), {}
  event.pools, event.pool_ids, event.sessions = #ended, {}, 0
  event.pool_id = #ended == 1 and ended[1].pool_id or nil
  event.before = { pool_class = events.common(ended, 'pool_class'), status = 'draining' }
  event.after = { pool_class = event.before.pool_class, status = events.common(ended, 'status') }
  for _, pool in ipairs(ended) do
    event.sessions = event.sessions + pool.occupancy
    append_ids(event.pool_ids, { pool.pool_id })
    append_ids(session_ids, pool.session_ids)
  end
  event.session_ids = session_ids[1] and session_ids
  events.close(fleet, event, { 'CHANGED' })
end

-- Carries the deadline of a draining pool out, and adds the pool to `ended`.
local function finish(fleet, pool, ended)
  pool.occupancy = ledger.occupancy(fleet, pool.pool_number)
  pool.pool_class = fleet.names[pool.class_index]
  pool.session_ids = redis.call('SRANDMEMBER', keys.of_ids(fleet, pool.pool_number), events.MAX_IDS)
  if pool.word == 'fail' and pool.occupancy > 0 then
    transitions.set_status(pool, 'failed', false, fleet.time)
    pool_changes.apply(fleet, { pool })
  else
    fleet.revision = fleet.revision + 1
    redis.call('ZADD', keys.of_fleet(fleet, 'drains'), '-' .. pool.deadline, pool.member)
  end
  ended[#ended + 1] = pool
end

-- Ends at most `count` sessions of a failed pool; returns how many, and drops its deadline once none is left.
local function end_sessions(fleet, pool, count)
  local ended = sessions.finish_some(fleet, pool.pool_number, count, 'failed')
  if ledger.occupancy(fleet, pool.pool_number) == 0 then
    drains.remove(fleet, pool.member)
  end
  return ended
end

-- The pool of a member; nil if it is gone, or neither drains nor fails by it: damage.
local function read(fleet, member)
  local pool_id, word = drains.parse(member)
  local pool = pool_records.find(fleet, pool_id)
  if pool and (pool.status == 'draining' or pool.status == 'failed' and word == 'fail') then
    pool.member, pool.word = member, word
    pool.deadline = redis.call('ZSCORE', keys.of_fleet(fleet, 'drains'), member)
    return pool
  end
end

-- Carries out deadlines that have passed, with one event for all; `fleet.drains_remain` is then whether more have.
-- O(MAX_POOLS + MAX_ENDED).
function due_drains.carry_out(fleet)
  fleet.drains_remain = false
  if incarnations.is_recovering(fleet) or not are_due(fleet) then
    return
  end
  local ended, failing, left = {}, {}, MAX_ENDED
  for _, member in ipairs(due(fleet)) do
    local pool = read(fleet, member)
    if not pool then
      drains.remove(fleet, member)
    elseif pool.status == 'draining' then
      finish(fleet, pool, ended)
    end
    failing[#failing + 1] = pool and pool.word == 'fail' and pool.status == 'failed' and pool or nil
  end
  if #ended > 0 then
    record(fleet, ended)
  end
  for _, pool in ipairs(failing) do
    left = left - end_sessions(fleet, pool, left)
  end
  fleet.drains_remain = are_due(fleet)
end
