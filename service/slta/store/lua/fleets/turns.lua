-- Turns: when each dispatcher that shares a fleet's ticks comes next. One comes at each turn, another one shortly after
-- it, to tick if the first is gone, and further ones take the turns that follow. The last turn given is in the memory
-- of the server's process: without it the next dispatcher to come begins anew.

turns = {}

local PERIOD, SPREAD = 1.7e6, 0.25e6 -- µs from a turn to the next: at least PERIOD, less than SPREAD longer
local STAND_IN, STAND_IN_SPREAD = 0.25e6, 0.1e6 -- µs from a turn to its stand-in, likewise
local LATEST = 4.2e6 -- µs ahead at most: one dispatcher that is left ticks before `fleet_time.MAX_STEP` is over

local last = {} -- by prefix: {at = clock of the last turn given, stand_in = whether a dispatcher comes after it}

-- A number in [0, 1) that differs between fleets and calls: the last digits of the clock. Scripts have no random
-- numbers of their own, and fleets that were ticked together are to be spread.
local function draw(fleet)
  return fleet.clock % 1000 / 1000
end

-- The last turn given, if it is still to come; nil if not, or if the clock has stepped back.
local function next_given(fleet)
  local turn = last[fleet.prefix]
  local ahead = turn and turn.at - fleet.clock or 0
  return ahead > 0 and ahead <= LATEST and turn or nil
end

-- Gives the caller a turn, or makes it the stand-in of the last one given. Returns the µs from now. O(1).
function turns.take(fleet)
  local turn, fraction = next_given(fleet), draw(fleet)
  local at = (turn and turn.at or fleet.clock) + PERIOD + SPREAD * fraction
  if turn and (not turn.stand_in or at > fleet.clock + LATEST) then
    turn.stand_in = true
    return turn.at + STAND_IN + STAND_IN_SPREAD * fraction - fleet.clock
  end
  last[fleet.prefix] = { at = at, stand_in = false }
  return at - fleet.clock
end

-- Forgets a deleted fleet.
function turns.drop(fleet)
  last[fleet.prefix] = nil
end
