-- Self-Learning Threshold Assignment (paper section 3.2), kept as rows and counts of tokens.
--
-- `green:<class>` and `yellow` are the two token bits per pool; `green[i]`, `yellow` count them. A pool of class i
-- with x sessions has a green token iff x < l_i(r), and a yellow one iff i = i_r and x < j_r.

slta = {
  LAYOUT = 2,
  TOKENS = { 'green', 'yellow', 'none' },
  CLASS_ROWS = { 'green' },
  FLEET_ROWS = { 'yellow' },
  NUMBERS = { 'rank', 'estimate_class', 'estimate_level', 'previous_class', 'min_green', 'yellow' },
  VECTORS = { 'green', 'thresholds' },
}

-- The dispatching rule, from counts and r only; `room()` counts pools that have room and is asked in step 4 only.
--   1. uniform among the green tokens of classes other than i_{r-1}; if there are none,
--   2. uniform among the green tokens of class i_{r-1}; if there are none,
--   3. uniform among the yellow tokens; if there are none,
--   4. uniform among all pools, here all that have room.
-- Token, class position and the pool's number among those of its class. O(classes) in steps 1 to 3.
local function choose_slta(green, yellow, yellow_class, previous_class, room, draw)
  local position, index = choice.pick(green, previous_class, draw)
  if position then
    return 'green', position, index
  elseif previous_class > 0 and green[previous_class] > 0 then
    return 'green', previous_class, math.floor(draw * green[previous_class])
  elseif yellow > 0 then
    return 'yellow', yellow_class, math.floor(draw * yellow)
  end
  return 'none', choice.pick(room(), 0, draw)
end

-- O(classes + log pools), in step 4 O(classes * pools / 8).
function slta.choose(fleet, draw)
  local token, position, index =
    choose_slta(fleet.green, fleet.yellow, fleet.estimate_class, fleet.previous_class, function()
      return choice.room(fleet)
    end, draw)
  if token == 'green' then
    return token, position, rows.select(keys.of_class(fleet, 'green', position), index)
  elseif token == 'yellow' then
    return token, position, rows.select(keys.of_fleet(fleet, 'yellow'), index)
  end
  return token, position, choice.bit_with_room(fleet, position, index)
end

-- Which way r will move, judged on the state just before the arrival: -1, 0 or 1.
function slta.judge(fleet)
  local green = vectors.sum(fleet.green)
  if fleet.rank > 1 and green >= fleet.min_green and fleet.green[fleet.previous_class] > 0 then
    return -1
  elseif fleet.rank < fleet.last_rank and green == 0 and fleet.yellow <= 1 then
    return 1
  end
  return 0
end

local function set_previous(fleet)
  fleet.previous_class = fleet.rank > 1 and (order.coordinate(fleet, fleet.rank - 1)) or 0
end

-- The yellow tokens of class `position`: its pools with fewer than `level` sessions.
local function write_yellow(fleet, position, level)
  local key = keys.of_fleet(fleet, 'yellow')
  rows.minus(key, keys.of_class(fleet, 'active', position), keys.of_level(fleet, position, level))
  fleet.yellow = rows.count(key)
end

-- The green tokens of class `position` under threshold `level`.
local function write_green(fleet, position, level)
  local key = keys.of_class(fleet, 'green', position)
  rows.minus(key, keys.of_class(fleet, 'active', position), keys.of_level(fleet, position, level))
  fleet.thresholds[position] = level
  fleet.green[position] = rows.count(key)
end

-- r <- r + 1: the green tokens of class i_r are exactly its former yellow ones. O(pools / 8).
local function step_up(fleet)
  local position = fleet.estimate_class
  rows.copy(keys.of_class(fleet, 'green', position), keys.of_fleet(fleet, 'yellow'))
  fleet.green[position] = fleet.yellow
  fleet.thresholds[position] = fleet.estimate_level
  fleet.rank = fleet.rank + 1
  fleet.previous_class = position
  fleet.estimate_class, fleet.estimate_level = order.coordinate(fleet, fleet.rank)
  write_yellow(fleet, fleet.estimate_class, fleet.estimate_level)
  fleet.steps_up = fleet.steps_up + 1
end

-- r <- r - 1: the yellow tokens are exactly the former green ones of class i_{r-1}. O(pools / 8).
local function step_down(fleet)
  fleet.rank = fleet.rank - 1
  fleet.estimate_class, fleet.estimate_level = order.coordinate(fleet, fleet.rank)
  local position = fleet.estimate_class
  rows.copy(keys.of_fleet(fleet, 'yellow'), keys.of_class(fleet, 'green', position))
  fleet.yellow = fleet.green[position]
  write_green(fleet, position, fleet.estimate_level - 1)
  set_previous(fleet)
  fleet.steps_down = fleet.steps_down + 1
end

-- Moves r after the session has been placed.
function slta.learn(fleet, direction)
  if fleet.active_pools == 1 then
    return
  elseif direction > 0 then
    step_up(fleet)
  elseif direction < 0 then
    step_down(fleet)
  end
end

-- Thresholds and all token rows from r. O(classes * (log levels + pools / 8)).
local function write_tokens(fleet)
  fleet.estimate_class, fleet.estimate_level = order.coordinate(fleet, fleet.rank)
  for position = 1, #fleet.numbers do
    write_green(fleet, position, order.threshold(fleet, position, fleet.rank))
  end
  write_yellow(fleet, fleet.estimate_class, fleet.estimate_level)
  set_previous(fleet)
end

-- A single pool can never gather two green tokens, so r could not fall: it is set to r*.
local function follow_single_pool(fleet)
  if fleet.active_pools == 1 then
    fleet.rank = math.min(fleet.session_count + 1, fleet.last_rank)
    write_tokens(fleet)
  end
end

-- A pool came to hold `level` sessions: at its thresholds it loses its tokens. O(1).
function slta.rose(fleet, position, bit, level)
  if level == fleet.thresholds[position] then
    redis.call('SETBIT', keys.of_class(fleet, 'green', position), bit, 0)
    fleet.green[position] = fleet.green[position] - 1
  end
  if position == fleet.estimate_class and level == fleet.estimate_level then
    redis.call('SETBIT', keys.of_fleet(fleet, 'yellow'), bit, 0)
    fleet.yellow = fleet.yellow - 1
  end
  follow_single_pool(fleet)
end

-- A pool no longer holds `level` sessions: below its thresholds it has tokens again. O(1).
function slta.fell(fleet, position, bit, level)
  if level == fleet.thresholds[position] then
    redis.call('SETBIT', keys.of_class(fleet, 'green', position), bit, 1)
    fleet.green[position] = fleet.green[position] + 1
  end
  if position == fleet.estimate_class and level == fleet.estimate_level then
    redis.call('SETBIT', keys.of_fleet(fleet, 'yellow'), bit, 1)
    fleet.yellow = fleet.yellow + 1
  end
  follow_single_pool(fleet)
end

-- Where r belongs after pools came or went: at the optimum of the sessions there are when curves or policy are others,
-- else at its coordinate as far as that exists.
local function rank_after(fleet, afresh)
  if afresh then
    return order.optimal_rank(fleet)
  elseif fleet.active_pools == 1 then
    return math.min(fleet.session_count + 1, fleet.last_rank)
  end
  return order.at_or_after(fleet, fleet.estimate_class, fleet.estimate_level)
end

local function enough_green(fleet)
  local enough = fleet.beta_coefficient * fleet.active_pools ^ fleet.beta_power
  return math.max(2, math.ceil(enough * (1 - 1e-12))) -- guards the rounding: 100 * 0.05 asks for 5, not 6
end

-- Then everything follows from the ledger. Without active pools r waits at its coordinate.
function slta.rebuild(fleet, afresh)
  if fleet.active_pools > 0 then
    fleet.rank = rank_after(fleet, afresh)
    write_tokens(fleet)
  else
    local class, level = fleet.estimate_class, fleet.estimate_level
    policies.clear(fleet)
    fleet.estimate_class, fleet.estimate_level = class, level
    if afresh then
      fleet.estimate_class, fleet.estimate_level = order.best(fleet)
    end
  end
  fleet.min_green = enough_green(fleet)
end

function slta.reported_rank(fleet)
  return fleet.rank
end

-- The audit's rule of both tokens.
function slta.rows(fleet, position)
  local level = position == fleet.estimate_class and fleet.rank > 0 and fleet.estimate_level or 0
  local holds = {
    [keys.of_class(fleet, 'green', position)] = function(occupancy) return occupancy < fleet.thresholds[position] end,
  }
  if level > 0 then
    holds[keys.of_fleet(fleet, 'yellow')] = function(occupancy) return occupancy < level end
  end
  return holds
end

-- r, its coordinate and the thresholds by definition, and counts of both tokens. O(classes * (log levels + pools / 8)).
function slta.check(fleet, claim)
  claim('yellow tokens', fleet.yellow, rows.count(keys.of_fleet(fleet, 'yellow')))
  claim('min_green', fleet.min_green, enough_green(fleet))
  local has_rank = fleet.rank >= 1 and fleet.rank <= fleet.last_rank
  claim('rank: is one that exists', has_rank, fleet.active_pools > 0)
  for position = 1, #fleet.numbers do
    local name = fleet.class_names[position]
    claim('green tokens of class ' .. name, fleet.green[position], rows.count(keys.of_class(fleet, 'green', position)))
    local threshold = has_rank and order.threshold(fleet, position, fleet.rank) or 0
    claim('threshold of class ' .. name, fleet.thresholds[position], threshold)
  end
  if has_rank then
    local class, level = order.coordinate(fleet, fleet.rank)
    claim('estimate_class', fleet.estimate_class, class)
    claim('estimate_level', fleet.estimate_level, level)
    claim('previous_class', fleet.previous_class, fleet.rank > 1 and (order.coordinate(fleet, fleet.rank - 1)) or 0)
  end
end
