-- Drains whose deadline has passed: ticks carry them out. With what follows, "list", the pool then stays draining with
-- the sessions that are left; with "fail" it fails, and ticks end them; an empty one stays draining too. Only draining
-- pools have a drain, and failed ones while that goes on.

due_drains = {}

local MAX_ENDED = 128 -- sessions that one call ends on pools that fail

-- Records that the drains of these pools ended, with the sessions that are left on them.
local function record(fleet, ended)
  local event, ids = events.of_pools(fleet, 'drain_ended', ended, ''), {}
  event.before.status, event.sessions = 'draining', 0
  event.after = { pool_class = event.before.pool_class, status = events.common(ended, 'status') }
  for _, pool in ipairs(ended) do
    event.sessions = event.sessions + pool.occupancy
    vectors.append(ids, pool.session_ids)
  end
  event.session_ids = ids[1] and { unpack(ids, 1, math.min(#ids, events.MAX_IDS)) }
  events.store(fleet, event)
end

-- Carries the drain of a draining pool out.
local function finish(fleet, pool)
  pool.occupancy = pool_records.occupancy(fleet, pool)
  pool.session_ids = redis.call('SRANDMEMBER', pool_records.place(fleet, pool.pool_id).ids, events.MAX_IDS)
  transitions.end_drain(pool, pool.occupancy, fleet.time)
end

-- Ends at most `count` sessions of a pool that fails by its drain, which ends with the last one; returns how many.
local function end_sessions(fleet, pool, count)
  local ended = sessions.finish_some(fleet, pool, count, 'failed')
  if pool_records.occupancy(fleet, pool) == 0 then
    transitions.clear_drain(pool)
  else
    pool.drain_due = fleet.time
  end
  return ended
end

-- Ends sessions of pools that fail by their drains.
local function end_all(fleet, failing)
  local left = MAX_ENDED
  for _, pool in ipairs(failing) do
    left = left - end_sessions(fleet, pool, left)
  end
  pool_sets.apply(fleet, failing)
end

-- Carries out drains whose timers are due, with one event for all; during a recovery they wait. Timers of pools without
-- a drain are dropped. O(drains + MAX_ENDED).
function due_drains.carry_out(fleet)
  local found, ended, failing = timers.due_pools(fleet, 'drain', 'drain_due'), {}, {}
  local waits = found[1] and incarnations.is_recovering(fleet)
  for _, pool in ipairs(found) do
    if pool.drain and waits then
      pool.drain_due = fleet.recovering_until
    elseif pool.drain and pool.status == 'draining' and not pool.drain.is_over then
      finish(fleet, pool)
      ended[#ended + 1] = pool
    end
    failing[#failing + 1] = pool.drain and pool.status == 'failed' and not waits and pool or nil
  end
  pool_sets.apply(fleet, found)
  if ended[1] then
    record(fleet, ended)
  end
  end_all(fleet, failing)
end
