-- r, thresholds and tokens, kept as rows and counts: what the policies have in common that learn r.
--
-- `green:<class>` and `yellow` are the two token bits per pool; `green[i]`, `yellow` count them. A pool of class i
-- with x sessions has a green token iff x < l_i(r), and a yellow one iff i = i_r and x < j_r (paper section 3.2).

tokens = {
  CLASS_ROWS = { 'green' },
  FLEET_ROWS = { 'yellow' },
  NUMBERS = { 'rank', 'estimate_class', 'estimate_level', 'previous_class', 'min_green', 'yellow' },
  VECTORS = { 'green', 'thresholds' },
}

-- Whether a pool has a token. O(classes).
function tokens.exist(fleet)
  return fleet.yellow > 0 or vectors.sum(fleet.green) > 0
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
function tokens.learn(fleet, direction)
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

-- r <- `rank`, a worse one, counted as so many steps. O(classes * (log levels + pools / 8)).
function tokens.rise_to(fleet, rank)
  fleet.steps_up = fleet.steps_up + rank - fleet.rank
  fleet.rank = rank
  write_tokens(fleet)
end

-- A single pool can never gather two green tokens, so r could not fall: it is set to r*.
local function follow_single_pool(fleet)
  if fleet.active_pools == 1 then
    fleet.rank = math.min(fleet.session_count + 1, fleet.last_rank)
    write_tokens(fleet)
  end
end

-- A pool came to hold `level` sessions: at its thresholds it loses its tokens. O(1).
function tokens.rose(fleet, position, bit, level)
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
function tokens.fell(fleet, position, bit, level)
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
function tokens.rebuild(fleet, afresh)
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

function tokens.reported_rank(fleet)
  return fleet.rank
end

-- The audit's rule of both tokens.
function tokens.rows(fleet, position)
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
function tokens.check(fleet, claim)
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
