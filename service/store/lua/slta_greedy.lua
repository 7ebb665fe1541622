-- SLTA that takes green tokens by the worth of their class (service/core/policies/slta_greedy.py). `tokens.lua` keeps r
-- and the tokens.

slta_greedy = {
  TOKENS = { 'green', 'yellow' },
  CLASS_ROWS = tokens.CLASS_ROWS,
  FLEET_ROWS = tokens.FLEET_ROWS,
  NUMBERS = tokens.NUMBERS,
  VECTORS = tokens.VECTORS,
  learn = tokens.learn,
  rose = tokens.rose,
  fell = tokens.fell,
  rebuild = tokens.rebuild,
  reported_rank = tokens.reported_rank,
  rows = tokens.rows,
  check = tokens.check,
}

-- The best rank that a pool can be filled at; the last rank when all are full. O(classes * log levels * pools / 8).
local function best_open_rank(fleet)
  local best = fleet.last_rank
  for position = 1, #fleet.numbers do
    local level = ledger.frontier(fleet, position)
    if fleet.pool_counts[position] > 0 and level <= fleet.capacities[position] then
      best = math.min(best, order.rank(fleet, position, level))
    end
  end
  return best
end

-- Step 0: r <- r + 1 until a pool has a token. While none has one, no threshold is above its class's frontier, and the
-- first rank to give one is that of a frontier: so in one leap. O(classes) where a pool has one.
function slta_greedy.ready(fleet)
  if not tokens.exist(fleet) then
    tokens.rise_to(fleet, best_open_rank(fleet))
  end
end

-- Steps 1 and 2, from counts; `rank_of(position)` is the rank of (i, l_i(r)), asked where a class has green tokens.
--   1. uniform among the green tokens of the class whose (i, l_i(r)) ranks best; if there are none,
--   2. uniform among the yellow tokens.
-- Token, class position and the pool's number among those of its class. O(classes).
local function choose_slta_greedy(green, rank_of, yellow, yellow_class, draw)
  local best, best_rank = 0, math.huge
  for position = 1, #green do
    if green[position] > 0 and rank_of(position) < best_rank then
      best, best_rank = position, rank_of(position)
    end
  end
  if best > 0 then
    return 'green', best, math.floor(draw * green[best])
  end
  return 'yellow', yellow_class, math.floor(draw * yellow)
end

-- O(classes + log pools).
function slta_greedy.choose(fleet, draw)
  local token, position, index = choose_slta_greedy(fleet.green, function(position)
    return order.rank(fleet, position, fleet.thresholds[position])
  end, fleet.yellow, fleet.estimate_class, draw)
  return token, position, choice.bit_with_token(fleet, token, position, index)
end

-- Which way r will move, judged on the state after step 0 and just before the arrival: -1, 0 or 1.
function slta_greedy.judge(fleet)
  local green = vectors.sum(fleet.green)
  if fleet.rank > 1 and green >= fleet.min_green then
    return -1
  elseif fleet.rank < fleet.last_rank and green == 0 and fleet.yellow <= 1 then
    return 1
  end
  return 0
end
