-- Ticks: the periodic work of a fleet. All dispatchers call them, in turns (see `turns`); of two within half a second
-- the second one changes nothing.

ticks = {}

local RECENT = 500e3 -- µs after a tick in which another one changes nothing
local COLD = { -- what a tick reads, in one command
  'suspect', 'repairs', 'ended_since', 'retention', 'utilities_version', 'pools_since', 'pools_high', 'pools_low',
}

local ticked = {} -- by prefix: the clock and the incarnation at the last tick of a sound fleet in this process

-- An error in one part marks the fleet suspect and the other parts still run, so that leases end and the history grows
-- while a fleet waits for its repair. Returns whether the fleet is sound. O(sessions that end).
local function upkeep(fleet)
  cold.load(fleet, unpack(COLD))
  for _, part in ipairs({
    sessions.rotate_ended, tombstones.drop_expired, sessions.reap, drains.carry_out, expiry.run, history.append,
  }) do
    local ok, message = pcall(part, fleet)
    if not ok then
      state.mark_suspect(fleet, message)
    end
  end
  state.write(fleet)
  return fleet.suspect == ''
end

-- Whether the fleet was ticked less than RECENT ago, is still sound, and no lease has expired. Not if the clock has
-- stepped back: only a write takes the new time over. O(1).
local function is_recent(fleet)
  local last = ticked[fleet.prefix]
  local elapsed = last and last.incarnation == fleet.incarnation and fleet.clock - last.clock
  return elapsed and elapsed >= 0 and elapsed < RECENT and not leases.is_late(fleet)
    and not liveness.is_late(fleet)
    and redis.pcall('HGET', keys.of_fleet(fleet, 'cold'), 'suspect') == ''
end

-- 1 if an audit is due, else 0, also if that cannot be read.
local function is_audit_due(fleet)
  return select(2, pcall(audit_claims.is_due, fleet)) == true and 1 or 0
end

-- fleet: nil if it is damaged; `shared` is '1' to change nothing if the fleet was ticked just now, and to take a turn.
--   -> {TICKED, 1 if expired leases of sessions or pools, or deadlines, remain, else 0, 'recent' if nothing was done,
--    else '', audit, turn} | {SUSPECT, …, audit, turn} if the fleet needs a repair, see `repair.claim`
-- `audit` is 1 if one is due, else 0. `turn` is the µs to the caller's next tick, 0 if it has none, as while the fleet
-- is suspect or leases remain. O(sessions that end + pools whose liveness changes).
function ticks.run(key, fleet, shared)
  if fleet and shared == '1' and is_recent(fleet) then
    cache.give_back(fleet)
    return { 'TICKED', 0, 'recent', 0, turns.take(fleet) }
  elseif not fleet or select(2, pcall(upkeep, fleet)) ~= true then
    local reply = repair.claim(key)
    reply[#reply + 1] = fleet and is_audit_due(fleet) or 0
    reply[#reply + 1] = 0
    return reply
  end
  ticked[fleet.prefix] = { clock = fleet.clock, incarnation = fleet.incarnation }
  local audit = is_audit_due(fleet)
  cold.unload(fleet)
  cache.give_back(fleet)
  local remain = leases.are_due(fleet) or expiry.is_due(fleet) or fleet.drains_remain
  return { 'TICKED', remain and 1 or 0, '', audit, shared == '1' and not remain and turns.take(fleet) or 0 }
end

-- Forgets a deleted fleet.
function ticks.drop(fleet)
  ticked[fleet.prefix] = nil
  turns.drop(fleet)
end
