-- Ticks: the periodic work of a fleet, which the dispatchers that share it do in turns. One comes at each turn, another
-- one shortly after it, to tick if the first is gone, and further ones take the turns that follow; of two ticks within
-- half a second the second one changes nothing. The last tick and the last turn given are in the memory of the server's
-- process: without it the next dispatcher to come begins anew.

ticks = {}

local RECENT = 500e3 -- µs after a tick in which another one changes nothing
local PERIOD, SPREAD = 1.7e6, 0.25e6 -- µs from a turn to the next: at least PERIOD, less than SPREAD longer
local STAND_IN, STAND_IN_SPREAD = 0.25e6, 0.1e6 -- µs from a turn to its stand-in, likewise
local LATEST = 4.2e6 -- µs ahead at most: one dispatcher that is left ticks before `fleet_time.MAX_STEP` is over

local ticked = {} -- by prefix: the lease of the last tick of a sound fleet
local turns = {} -- by prefix: the lease until the last turn given; `stand_in`: whether a dispatcher comes after it

-- A lease of work that one dispatcher does at a time, of the fleet's incarnation.
local function lease(fleet, duration)
  return { since = fleet.clock, duration = duration, basis = fleet.incarnation }
end

-- The µs for which a lease is still held; 0 without one, of another incarnation, or if the clock has stepped back.
-- O(1).
local function left(held, fleet)
  local age = held and held.basis == fleet.incarnation and fleet.clock - held.since
  return age and age >= 0 and math.max(0, held.duration - age) or 0
end

-- Runs parts of a tick. An error in one marks the fleet suspect and the others still run, so that leases end and the
-- history grows while a fleet waits for its repair.
local function run(fleet, parts)
  for _, part in ipairs(parts) do
    local ok, message = pcall(part, fleet)
    if not ok then
      state.mark_suspect(fleet, message)
      pcall(policies.count, fleet)
    end
  end
end

-- O(sessions that end + timers of pools that are due).
function ticks.upkeep(fleet, interval, excess)
  run(fleet, {
    function() intervals.add(fleet, interval, excess) end,
    incarnations.close_window, ended_ids.rotate, expiring_ids.drop_expired, sessions.reap, quality.settle,
  })
  if timers.are_due(fleet) then
    run(fleet, { timers.open, due_drains.carry_out, expiry.run, guards.run, timers.find_due })
  end
  run(fleet, { intervals.close, history.append })
end

-- Whether the fleet was ticked less than RECENT ago, is still sound, and no lease has expired. Not if the clock has
-- stepped back: only a write takes the new time over. O(1).
function ticks.is_recent(fleet)
  return left(ticked[fleet.key], fleet) > 0 and not leases.is_late(fleet)
    and not timers.is_late(fleet) and fleet.suspect == ''
end

-- Ends the tick of a sound fleet: whether expired leases of sessions, or timers of pools, remain.
function ticks.finish(fleet)
  ticked[fleet.key] = lease(fleet, RECENT)
  return leases.are_due(fleet) or timers.are_due(fleet)
end

-- Gives the caller a turn, or makes it the stand-in of the last one given. Returns the µs from now. Turns are spread by
-- the last digits of the clock, as scripts have no random numbers and fleets are ticked together. O(1).
function ticks.take_turn(fleet)
  local turn, fraction = turns[fleet.key], fleet.clock % 1000 / 1000
  local ahead = left(turn, fleet)
  local duration = ahead + PERIOD + SPREAD * fraction
  if ahead > 0 and (not turn.stand_in or duration > LATEST) then
    turn.stand_in = true
    return ahead + STAND_IN + STAND_IN_SPREAD * fraction
  end
  turns[fleet.key] = lease(fleet, duration)
  return duration
end

-- Forgets a deleted fleet.
function ticks.drop(fleet)
  ticked[fleet.key], turns[fleet.key] = nil, nil
end
