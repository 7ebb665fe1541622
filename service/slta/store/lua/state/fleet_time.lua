-- Fleet time: the server's clock without its gaps and jumps.

fleet_time = {}

fleet_time.MAX_STEP = 5e6 -- µs; after a longer gap, or a jump of the clock, fleet time advances by no more than this
fleet_time.MAX_BACK = 1e6 -- µs; while the clock is back by less, as of another master, fleet time waits for it
fleet_time.HOLD = 60e6 -- µs after such a gap during which no lease ends

-- The server's time in µs.
function fleet_time.server_time()
  local seconds_and_micros = redis.call('TIME')
  return tonumber(seconds_and_micros[1]) * 1e6 + tonumber(seconds_and_micros[2])
end

-- After a gap that ends at this store's and fleet time no session's lease ends for HOLD, and no pool's for its own
-- length. `lag` and `held_until` say until the next gap what `clock` less `time` and `hold_until` have to be.
function fleet_time.resume(fleet, now, time)
  for _, field in ipairs({ 'resumed_at', 'lag', 'held_until' }) do
    cold.set(fleet, field, false) -- written without being read, as `cold` may be damaged
  end
  fleet.hold_until, fleet.resumed_at = time + fleet_time.HOLD, time
  fleet.lag, fleet.held_until = now - time, fleet.hold_until
end
