-- Differences at placing (service/slta/core/differences.py), of two sources: 'placed' (by an assign) or 'reported' (by
-- another balancer). In a fleet that places sessions: for one in `constants.DRAWN_ONE_IN` new sessions of each, the
-- best marginal utility of a free place just before, less that of the place taken. In a fleet that observes: for each
-- report, that of JLMU's choice less that of the place taken.
--
-- The state has, by source, the number of these sessions, the sum of their differences and that of the squares, in the
-- store's integers. They begin anew at fleet time `differences_since`, when curves, order or policy change.

differences = {}

local NAMES = {
  placed = { drawn = 'placed_drawn', sum = 'placed_difference', squares = 'placed_squares' },
  reported = { drawn = 'reported_drawn', sum = 'reported_difference', squares = 'reported_squares' },
}

-- Adds a session on a place of the marginal utility `here`, where one of `best` was free.
function differences.add(fleet, source, here, best)
  local names, difference = NAMES[source], best - here
  fleet[names.drawn] = fleet[names.drawn] + 1
  fleet[names.sum] = fleet[names.sum] + difference
  fleet[names.squares] = fleet[names.squares] + difference * difference
end

-- Whether a new session is drawn, by the low bits of its draw, which has 53, as a choice among pools depends on the
-- high ones.
function differences.is_drawn(draw)
  return draw * 2 ^ 53 % constants.DRAWN_ONE_IN == 0
end

-- Begins anew.
function differences.restart(fleet)
  fleet.differences_since = fleet.time
  for _, names in pairs(NAMES) do
    fleet[names.drawn], fleet[names.sum], fleet[names.squares] = 0, 0, 0
  end
end

-- The numbers that a history line includes, in order; nil while there was no such session.
function differences.sums(fleet)
  if fleet.placed_drawn + fleet.reported_drawn > 0 then
    return {
      fleet.differences_since, fleet.placed_drawn, fleet.placed_difference, fleet.placed_squares,
      fleet.reported_drawn, fleet.reported_difference, fleet.reported_squares,
    }
  end
end
