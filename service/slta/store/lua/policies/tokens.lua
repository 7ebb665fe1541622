-- The estimate r, thresholds and tokens as rows and counts, shared by the policies that learn r.
--
-- `green:<class>` and `yellow` are the two token bits per pool; `green[class_index]` and `yellow` count them. A pool of
-- class i with x sessions has a green token iff x < l_i(r), and a yellow one iff i = i_r and x < j_r (paper section
-- 3.2).

tokens = {}

-- Declares a policy with these words, see `policies.lua`; it adds `choose` and `learning_step`.
function tokens.declare(words)
  return {
    TOKENS = words,
    CLASS_ROWS = { 'green' },
    FLEET_ROWS = { 'yellow' },
    NUMBERS = { 'rank', 'estimate_class', 'estimate_level', 'previous_class', 'min_green', 'yellow' },
    VECTORS = { 'green', 'thresholds' },
    update = tokens.update,
    on_change = tokens.on_change,
    rebuild = tokens.rebuild,
    reported_rank = tokens.reported_rank,
    rows = tokens.rows,
    check = tokens.check,
    best_marginal = tokens.best_marginal,
    confirm = tokens.confirm,
  }
end

-- i_{r-1}; 0 if r is the first rank.
local function class_before(fleet)
  return fleet.rank > 1 and (tables.entry(fleet, 'order', fleet.rank - 1)) or 0
end

-- r <- `rank`, with its coordinate and i_{r-1}.
local function set_rank(fleet, rank)
  fleet.rank = rank
  fleet.estimate_class, fleet.estimate_level = tables.entry(fleet, 'order', rank)
  fleet.previous_class = class_before(fleet)
end

-- Sets the yellow tokens: the pools of class i_r with fewer than j_r sessions.
local function write_yellow(fleet)
  local key = keys.of_fleet(fleet, 'yellow')
  fleet.yellow = rows.write_below(key, fleet, fleet.estimate_class, fleet.estimate_level)
end

-- Sets the green tokens of a class: its pools with fewer than `level` sessions, the new threshold.
local function write_green(fleet, class_index, level)
  fleet.thresholds[class_index] = level
  fleet.green[class_index] = rows.write_below(keys.of_class(fleet, 'green', class_index), fleet, class_index, level)
  candidates.touch(fleet, class_index)
end

-- r <- r + 1: the green tokens of class i_r are exactly its former yellow ones. O(pools / 8).
local function step_up(fleet)
  local class_index = fleet.estimate_class
  rows.call('BITOP', 'OR', keys.of_class(fleet, 'green', class_index), keys.of_fleet(fleet, 'yellow'))
  fleet.green[class_index] = fleet.yellow
  candidates.touch(fleet, class_index)
  fleet.thresholds[class_index] = fleet.estimate_level
  set_rank(fleet, fleet.rank + 1)
  write_yellow(fleet)
  fleet.learning_steps_up = fleet.learning_steps_up + 1
end

-- r <- r - 1: the yellow tokens are exactly the former green ones of class i_{r-1}. O(pools / 8).
local function step_down(fleet)
  set_rank(fleet, fleet.rank - 1)
  local class_index = fleet.estimate_class
  rows.call('BITOP', 'OR', keys.of_fleet(fleet, 'yellow'), keys.of_class(fleet, 'green', class_index))
  fleet.yellow = fleet.green[class_index]
  write_green(fleet, class_index, fleet.estimate_level - 1)
  fleet.learning_steps_down = fleet.learning_steps_down + 1
end

-- The next step of r, decided on the state just before the arrival: -1 if it may fall and enough tokens are green, 1 if
-- no token is green and at most one is yellow, else 0. O(classes).
function tokens.learning_step(fleet, may_fall)
  local green = vectors.sum(fleet.green)
  if may_fall and green >= fleet.min_green then
    return -1
  elseif fleet.rank < fleet.last_rank and green == 0 and fleet.yellow <= 1 then
    return 1
  end
  return 0
end

-- Moves r after the session was placed.
function tokens.update(fleet, step)
  if fleet.active_pools > 1 then
    (step > 0 and step_up or step_down)(fleet)
  end
end

-- r <- `rank`; rebuilds thresholds and all token rows. O(classes * (log levels + pools / 8)).
local function write_tokens(fleet, rank)
  set_rank(fleet, rank)
  for class_index = 1, #fleet.numbers do
    write_green(fleet, class_index, order.threshold(fleet, class_index, fleet.rank))
  end
  write_yellow(fleet)
end

-- r <- `rank`, a worse one; counted as the steps between. O(classes * (log levels + pools / 8)).
function tokens.rise_to(fleet, rank)
  fleet.learning_steps_up = fleet.learning_steps_up + rank - fleet.rank
  write_tokens(fleet, rank)
end

-- A pool whose occupancy rose to a threshold loses its token, one whose occupancy fell from it regains it. O(1).
function tokens.on_change(fleet, class_index, pool_index, level, change)
  local present = change < 0 and 1 or 0
  if level == fleet.thresholds[class_index] then
    rows.set(keys.of_class(fleet, 'green', class_index), pool_index, present)
    fleet.green[class_index] = fleet.green[class_index] - change
  end
  if class_index == fleet.estimate_class and level == fleet.estimate_level then
    rows.set(keys.of_fleet(fleet, 'yellow'), pool_index, present)
    fleet.yellow = fleet.yellow - change
  end
  if fleet.active_pools == 1 then -- there are never two green tokens, so r could not fall: it is set to r*
    write_tokens(fleet, math.min(fleet.sessions + 1, fleet.last_rank))
  end
end

-- The rank after pools changed: the optimal rank if curves or policy changed (`reset`) or there is a single pool, else
-- that of the present coordinate, if it still exists.
local function rank_after(fleet, reset)
  if reset or fleet.active_pools == 1 then
    return order.optimal_rank(fleet)
  end
  return order.at_or_after(fleet, fleet.estimate_class, fleet.estimate_level)
end

local function enough_green(fleet)
  cold.load(fleet, 'beta_coefficient', 'beta_power')
  local enough = fleet.beta_coefficient * fleet.active_pools ^ fleet.beta_power
  return math.max(2, math.ceil(enough * (1 - 1e-12))) -- absorbs rounding errors: 100 * 0.05 must give 5, not 6
end

-- Rebuilds r, thresholds and tokens from the ledger. Without active pools r keeps its coordinate.
function tokens.rebuild(fleet, reset)
  if fleet.active_pools > 0 then
    write_tokens(fleet, rank_after(fleet, reset))
  else
    local class_index, level = fleet.estimate_class, fleet.estimate_level
    policy_tables.clear(fleet)
    fleet.estimate_class, fleet.estimate_level = class_index, level
    if reset then
      fleet.estimate_class, fleet.estimate_level = order.best(fleet)
    end
  end
  fleet.min_green = enough_green(fleet)
end

-- O(stale classes * pools / 8).
function tokens.confirm(view, stale)
  view.green = rawget(view, 'green') or {}
  for class_index in pairs(stale) do
    view.green[class_index] = candidates.count(view, class_index, keys.of_class(view, 'green', class_index))
  end
  view.yellow = candidates.count(view, view.estimate_class, keys.of_fleet(view, 'yellow'))
end

function tokens.reported_rank(fleet)
  return fleet.rank
end

-- A place that a token offers is worth at least that of rank r, as policies with thresholds rank by marginal utility,
-- and only places with green tokens can be worth more. Nil without tokens.
function tokens.best_marginal(fleet, least)
  if fleet.yellow == 0 and vectors.sum(fleet.green) == 0 then
    return nil
  end
  local at_r = tables.number(fleet, 'marginals', fleet.estimate_class, fleet.estimate_level)
  return frontiers.best_of(fleet, fleet.green, fleet.thresholds, at_r > least and at_r or least)
end

-- The audit's rules for both kinds of tokens.
function tokens.rows(fleet, class_index)
  local level = class_index == fleet.estimate_class and fleet.rank > 0 and fleet.estimate_level or 0
  local threshold = fleet.thresholds[class_index]
  local holds = {
    [keys.of_class(fleet, 'green', class_index)] = function(occupancy) return occupancy < threshold end,
  }
  if level > 0 then
    holds[keys.of_fleet(fleet, 'yellow')] = function(occupancy) return occupancy < level end
  end
  return holds
end

-- Checks r, its coordinate and the thresholds by definition, and the counts of both kinds of tokens. O(classes * (log
-- levels + pools / 8)).
function tokens.check(fleet, report)
  report:expect_equal('yellow tokens', fleet.yellow, rows.count(keys.of_fleet(fleet, 'yellow')))
  report:expect_equal('min_green', fleet.min_green, enough_green(fleet))
  local has_rank = fleet.rank >= 1 and fleet.rank <= fleet.last_rank
  report:expect_equal('rank exists', has_rank, fleet.active_pools > 0)
  for class_index = 1, #fleet.numbers do
    local name = fleet.names[class_index]
    local green = rows.count(keys.of_class(fleet, 'green', class_index))
    report:expect_equal('green tokens of class ' .. name, fleet.green[class_index], green)
    local threshold = has_rank and order.threshold(fleet, class_index, fleet.rank) or 0
    report:expect_equal('threshold of class ' .. name, fleet.thresholds[class_index], threshold)
  end
  if has_rank then
    local class_index, level = tables.entry(fleet, 'order', fleet.rank)
    report:expect_equal('estimate_class', fleet.estimate_class, class_index)
    report:expect_equal('estimate_level', fleet.estimate_level, level)
    report:expect_equal('previous_class', fleet.previous_class, class_before(fleet))
  end
end
