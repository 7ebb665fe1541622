-- Fleet time: the server's clock without its gaps and jumps, in µs; and exact integrals over it.

fleet_time = {}

fleet_time.UNIT = 2 ^ 50

local MAX_STEP = 5e6 -- µs; after a longer gap, or a jump of the clock, fleet time advances by no more than this
local MAX_BACK = 1e6 -- µs; while the clock is back by less, as of another master, fleet time waits for it
local HOLD = 60e6 -- µs after such a gap during which no lease ends

-- The server's time in µs.
function fleet_time.server_time()
  local seconds_and_micros = redis.call('TIME')
  return seconds_and_micros[1] * 1e6 + seconds_and_micros[2]
end

-- Adds a value to a pair (high, low), a whole number of units and a rest below one, without losing low-order bits.
function fleet_time.add(high, low, value)
  local unit = fleet_time.UNIT
  local part = value % unit
  low = low + part
  if low >= unit then
    return high + (value - part) + unit, low - unit
  end
  return high + (value - part), low
end

-- After a gap that ends at this fleet time no session's lease ends for HOLD, and no pool's for its own length.
function fleet_time.resume(fleet, time)
  fleet.hold_until, fleet.resumed_at = math.max(fleet.hold_until, time + HOLD), time
end

-- Advances fleet time to the clock `now`, and integrates N, U and U* over the interval. Fleet time is the clock less
-- `lag`.
function fleet_time.advance(fleet, now)
  local elapsed = now - fleet.clock
  fleet.before = {
    fleet.clock, fleet.sessions_high, fleet.sessions_low, fleet.utility_high, fleet.utility_low, fleet.optimum_high,
    fleet.optimum_low,
  }
  fleet.time = fleet.clock - fleet.lag
  if elapsed < 0 and elapsed > -MAX_BACK then
    return
  elseif elapsed < 0 or elapsed > MAX_STEP then
    elapsed = math.max(0, math.min(elapsed, MAX_STEP))
    fleet.lag = now - fleet.time - elapsed
    fleet_time.resume(fleet, fleet.time + elapsed)
  end
  fleet.clock, fleet.time = now, fleet.time + elapsed
  if elapsed > 0 then
    local add = fleet_time.add
    fleet.sessions_high, fleet.sessions_low = add(fleet.sessions_high, fleet.sessions_low, fleet.sessions * elapsed)
    fleet.utility_high, fleet.utility_low = add(fleet.utility_high, fleet.utility_low, fleet.utility * elapsed)
    fleet.optimum_high, fleet.optimum_low = add(fleet.optimum_high, fleet.optimum_low, fleet.optimum * elapsed)
  end
end

-- Takes the last advance back, if it met no gap.
function fleet_time.undo(fleet)
  fleet.clock, fleet.sessions_high, fleet.sessions_low, fleet.utility_high, fleet.utility_low, fleet.optimum_high,
    fleet.optimum_low = unpack(fleet.before)
end
