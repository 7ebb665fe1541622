-- SLTA that takes green tokens of the class with the highest marginal utility first
-- (service/slta/core/policies/slta_greedy.py). `tokens.lua` maintains r and the tokens.

slta_greedy = tokens.declare({ 'green', 'yellow' })

-- The best rank at which a pool can take a session; the last rank if all are full. O(classes * log levels * pools / 8).
local function best_open_rank(fleet)
  local best = fleet.last_rank
  for class_index = 1, #fleet.numbers do
    local level = candidates.frontier(fleet, class_index)
    if fleet.pools[class_index] > 0 and level <= fleet.capacities[class_index] then
      best = math.min(best, tables.number(fleet, 'ranks', class_index, level))
    end
  end
  return best
end

-- Step 0: r <- r + 1 until a pool has a token. Without any token no threshold exceeds its class's frontier, and the
-- first rank that gives one is that of a frontier, so r is set in one step. O(classes) if a pool has a token.
function slta_greedy.prepare(fleet, view)
  if view.yellow == 0 and vectors.sum(view.green) == 0 then
    tokens.rise_to(fleet, best_open_rank(view))
  end
end

-- Steps 1 and 2, from counts; `rank_of(class_index)` is the rank of (i, l_i(r)), called for classes with green tokens.
--   1. uniform among the green tokens of the class whose (i, l_i(r)) ranks best; if there are none,
--   2. uniform among the yellow tokens.
-- Returns token, class_index, and that the pool is the nth candidate of its class, from 0. O(classes).
local function choose_slta_greedy(green, rank_of, yellow, yellow_class, draw)
  local best, best_rank = 0, math.huge
  for class_index = 1, #green do
    if green[class_index] > 0 and rank_of(class_index) < best_rank then
      best, best_rank = class_index, rank_of(class_index)
    end
  end
  if best > 0 then
    return 'green', best, math.floor(draw * green[best])
  end
  return 'yellow', yellow_class, math.floor(draw * yellow)
end

-- O(classes + log pools).
function slta_greedy.choose(fleet, draw)
  local token, class_index, nth = choose_slta_greedy(fleet.green, function(class_index)
    return tables.number(fleet, 'ranks', class_index, fleet.thresholds[class_index])
  end, fleet.yellow, fleet.estimate_class, draw)
  return token, class_index, choice.select_with_token(fleet, token, class_index, nth)
end

-- r falls with green tokens of any class; decided on the state after step 0.
function slta_greedy.learning_step(fleet)
  return tokens.learning_step(fleet, fleet.rank > 1)
end
