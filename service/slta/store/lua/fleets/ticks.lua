-- Ticks: the periodic work of a fleet. All dispatchers call them, in turns (see `turns`); of two within half a second
-- the second one changes nothing.

ticks = {}

local RECENT = 500e3 -- µs after a tick in which another one changes nothing
local COLD = { -- what a tick reads, in one command
  'suspect', 'repairs', 'ended_since', 'retention', 'utilities_version', 'pools_since', 'pools_high', 'pools_low',
}

local ticked = {} -- by prefix: the clock and the incarnation at the last tick of a sound fleet in this process

-- An error in one part marks the fleet suspect and the other parts still run, so that leases end and the history grows
-- while a fleet waits for its repair. O(sessions that end + pools whose liveness changes).
function ticks.upkeep(fleet, interval, excess)
  cold.load(fleet, unpack(COLD))
  for _, part in ipairs({
    function() intervals.add(fleet, interval, excess) end,
    sessions.rotate_ended, tombstones.drop_expired, sessions.reap, due_drains.carry_out, expiry.run, intervals.close,
    history.append,
  }) do
    local ok, message = pcall(part, fleet)
    if not ok then
      state.mark_suspect(fleet, message)
    end
  end
end

-- Whether the fleet was ticked less than RECENT ago, is still sound, and no lease has expired. Not if the clock has
-- stepped back: only a write takes the new time over. O(1).
function ticks.is_recent(fleet)
  local last = ticked[fleet.prefix]
  local elapsed = last and last.incarnation == fleet.incarnation and fleet.clock - last.clock
  return elapsed and elapsed >= 0 and elapsed < RECENT and not leases.is_late(fleet)
    and not expiry.is_late(fleet)
    and redis.pcall('HGET', keys.of_fleet(fleet, 'cold'), 'suspect') == ''
end

-- Ends the tick of a sound fleet: whether expired leases of sessions or pools, or deadlines, remain.
function ticks.finish(fleet)
  ticked[fleet.prefix] = { clock = fleet.clock, incarnation = fleet.incarnation }
  cold.unload(fleet)
  cache.give_back(fleet)
  return leases.are_due(fleet) or expiry.is_due(fleet) or fleet.drains_remain
end

-- Forgets a deleted fleet.
function ticks.drop(fleet)
  ticked[fleet.prefix] = nil
  turns.drop(fleet)
end
