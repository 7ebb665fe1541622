-- SLTA that takes green bits of the class with the highest marginal utility first
-- (service/slta/core/policies/slta_greedy.py).

slta_greedy = {
  TOKENS = { 'green', 'yellow' }, has_thresholds = true,
  count = bits.count, step = bits.step, clear = bits.clear, on_change = bits.on_change, move_pool = bits.move_pool,
  rebuild = bits.rebuild, rank = bits.rank,
}

-- The best rank at which a pool has room; the last rank if all are full. O(classes).
local function best_open_rank(fleet, with_quiet)
  local best = fleet.tables_of.last_rank
  for class, ranks in ipairs(fleet.tables_of.ranks) do
    best = math.min(best, ranks[occupancies.frontier(fleet, class, with_quiet)] or best)
  end
  return best
end

-- The class with green bits whose threshold ranks best; 0 without any.
local function best_class(green, thresholds, ranks)
  local best, found = math.huge, 0
  for class = 1, #green do
    local rank = green[class] > 0 and ranks[class][thresholds[class]]
    if rank and rank < best then
      best, found = rank, class
    end
  end
  return found
end

-- The rule: without any bit r first rises to the first rank that gives one, that of a frontier. Then uniform among the
-- green bits of the class whose (i, l_i(r)) ranks best; else among the yellow ones. O(classes + log pools).
function slta_greedy.choose(fleet, draw, _, with_quiet)
  local green, total, yellow = bits.candidates(fleet, with_quiet)
  if total == 0 and yellow == 0 then
    bits.rise_to(fleet, best_open_rank(fleet, with_quiet))
    green, total, yellow = bits.candidates(fleet, with_quiet)
  end
  local counts = fleet.counts
  local step = bits.learning_step(fleet, total, yellow, counts.rank > 1)
  local token, class, count = 'yellow', counts.class, yellow
  if total > 0 then
    class = best_class(green, counts.thresholds, fleet.tables_of.ranks)
    token, count = 'green', green[class]
  end
  return token, class, bits.select_candidate(fleet, token, class, math.floor(draw * count), with_quiet), step
end
