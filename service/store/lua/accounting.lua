-- Fleet time, the exact time integrals, and the optimum U*(N, A) at the present number of sessions.

accounting = {}

accounting.MAX_STEP = 5e6 -- µs: a longer silence, or a clock that jumps, moves fleet time by no more
accounting.HOLD = 60e6 -- µs after such a gap in which no lease ends

-- value added to a pair (high, low) of doubles without losing low-order bits (Knuth's TwoSum).
local function add(high, low, value)
  local sum = high + value
  local part = sum - high
  low = low + ((high - (sum - part)) + (value - part))
  local top = sum + low
  return top, low - (top - sum)
end

-- Moves fleet time on to the store's time `now` (µs) and integrates what held until then.
function accounting.advance(fleet, now)
  local elapsed = now - fleet.clock
  if elapsed < 0 or elapsed > accounting.MAX_STEP then
    elapsed = math.max(0, math.min(elapsed, accounting.MAX_STEP))
    fleet.hold_until = fleet.time + elapsed + accounting.HOLD
  end
  fleet.clock = now
  if elapsed > 0 then
    fleet.time = fleet.time + elapsed
    fleet.sessions_high, fleet.sessions_low =
      add(fleet.sessions_high, fleet.sessions_low, fleet.session_count * elapsed)
    fleet.utility_high, fleet.utility_low = add(fleet.utility_high, fleet.utility_low, fleet.utility * elapsed)
    fleet.optimum_high, fleet.optimum_low = add(fleet.optimum_high, fleet.optimum_low, fleet.optimum * elapsed)
  end
end

-- Pools per class are integrated up to now; called before their numbers change, and by reads on their own copy.
function accounting.settle_pools(fleet)
  local elapsed = fleet.time - fleet.pools_since
  for position, pools in ipairs(fleet.pool_counts) do
    fleet.pools_high[position], fleet.pools_low[position] =
      add(fleet.pools_high[position], fleet.pools_low[position], pools * elapsed)
  end
  fleet.pools_since = fleet.time
end

-- Class position and marginal utility at `rank` of the marginal utilities' own order, empty classes left out.
local function entry(fleet, rank)
  local class = fleet.bound_classes[rank]
  if not class then
    local from = (rank - 1) * constants.BOUND_BYTES
    local text = redis.call('GETRANGE', keys.of_fleet(fleet, 'bound'), from, from + constants.BOUND_BYTES - 1)
    class = tonumber(string.sub(text, 1, constants.CLASS_BYTES))
    fleet.bound_classes[rank] = class
    fleet.bound_marginals[rank] = tonumber(string.sub(text, constants.CLASS_BYTES + 1))
  end
  return class, fleet.bound_marginals[rank]
end

-- One more session: the optimum fills the next place. O(1).
local function raise_optimum(fleet)
  local position, marginal = entry(fleet, fleet.bound_rank)
  fleet.optimum = fleet.optimum + marginal
  fleet.bound_filled = fleet.bound_filled + 1
  if fleet.bound_filled == fleet.pool_counts[position] then
    fleet.bound_rank = fleet.bound_rank + 1
    fleet.bound_filled = 0
  end
end

-- One session less. O(1).
local function lower_optimum(fleet)
  if fleet.bound_filled == 0 then
    fleet.bound_rank = fleet.bound_rank - 1
    local position = entry(fleet, fleet.bound_rank)
    fleet.bound_filled = fleet.pool_counts[position]
  end
  local _, marginal = entry(fleet, fleet.bound_rank)
  fleet.optimum = fleet.optimum - marginal
  fleet.bound_filled = fleet.bound_filled - 1
end

-- The live order of marginal utilities from the full one; runs when a class gains its first or loses its last pool.
-- O(levels).
function accounting.rebuild_bound(fleet)
  local full = redis.call('GET', keys.of_fleet(fleet, 'bound:full'))
  if not vectors.has(fleet.pool_counts, 0) then
    redis.call('SET', keys.of_fleet(fleet, 'bound'), full)
    return
  end
  local live = {}
  vectors.each_entry(full, constants.BOUND_BYTES, fleet.pool_counts, function(_, text)
    live[#live + 1] = text
  end)
  redis.call('SET', keys.of_fleet(fleet, 'bound'), table.concat(live))
end

-- U*(N, A) from the start, after A changed. O(r*).
function accounting.refill_optimum(fleet)
  fleet.optimum, fleet.bound_rank, fleet.bound_filled = 0, 1, 0
  local left = fleet.session_count
  while left > 0 do
    local position, marginal = entry(fleet, fleet.bound_rank)
    local filled = math.min(left, fleet.pool_counts[position])
    fleet.optimum = fleet.optimum + filled * marginal
    left = left - filled
    if filled == fleet.pool_counts[position] then
      fleet.bound_rank = fleet.bound_rank + 1
    else
      fleet.bound_filled = filled
    end
  end
end

-- The integer marginal utility of class `position` between level - 1 and level.
function accounting.marginal(fleet, position, level)
  local place = position * constants.MAX_LEVELS + level
  local known = fleet.marginals[place]
  if not known then
    local from = (level - 1) * constants.MARGINAL_BYTES
    local to = from + constants.MARGINAL_BYTES - 1
    known = tonumber(redis.call('GETRANGE', keys.of_class(fleet, 'marginals', position), from, to))
    fleet.marginals[place] = known
  end
  return known
end

-- Reads the marginal utilities of levels 1 to `last` at once, for who asks for them one by one. O(last).
function accounting.expect_marginals(fleet, position, last)
  local bytes = constants.MARGINAL_BYTES
  local text = redis.call('GETRANGE', keys.of_class(fleet, 'marginals', position), 0, last * bytes - 1)
  for level = 1, last do
    fleet.marginals[position * constants.MAX_LEVELS + level] =
      tonumber(string.sub(text, (level - 1) * bytes + 1, level * bytes))
  end
end

-- A pool of class `position` came to hold `level` sessions, one more than before.
function accounting.rose(fleet, position, level)
  fleet.session_count = fleet.session_count + 1
  fleet.utility = fleet.utility + accounting.marginal(fleet, position, level)
  raise_optimum(fleet)
end

-- A pool of class `position` no longer holds `level` sessions.
function accounting.fell(fleet, position, level)
  fleet.session_count = fleet.session_count - 1
  fleet.utility = fleet.utility - accounting.marginal(fleet, position, level)
  lower_optimum(fleet)
end

local COUNTS = {
  'assigned', 'completed', 'expired', 'steps_up', 'steps_down', 'older_ended', 'early_completes', 'revision', 'adopted',
  'failed', 'reported_ended', 'rejected_no_capacity', 'rejected_no_active_pool', 'repairs',
}

-- Calls visit(name, number, numbers, place) for each count that is never negative: it stands at numbers[place].
function accounting.each_count(fleet, visit)
  for _, field in ipairs(COUNTS) do
    visit(field, fleet[field] or 0, fleet, field)
  end
  for _, token in ipairs(fleet.rules.TOKENS) do
    local name = 'assigned_' .. token
    for position, number in ipairs(fleet[name]) do
      visit(name, number, fleet[name], position)
    end
  end
end

-- Sessions that a token of the fleet's policy placed.
function accounting.placements(fleet)
  local placed = 0
  for _, token in ipairs(fleet.rules.TOKENS) do
    placed = placed + vectors.sum(fleet['assigned_' .. token])
  end
  return placed
end

local function as_text(numbers)
  local words = {}
  for at = 1, #numbers do
    words[at] = string.format('%.17g', numbers[at])
  end
  return table.concat(words, ' ')
end

-- The integrals as one line of text: version, time, then (high, low) of sessions, utility, optimum and every
-- class's pools; behind a bar the sums of the fleet's policy, where it has any.
function accounting.integrals(fleet)
  local words = {
    fleet.utilities_version, fleet.time, fleet.sessions_high, fleet.sessions_low,
    fleet.utility_high, fleet.utility_low, fleet.optimum_high, fleet.optimum_low,
  }
  for position = 1, #fleet.pool_counts do
    words[#words + 1] = fleet.pools_high[position]
    words[#words + 1] = fleet.pools_low[position]
  end
  local sums = policies.tell(fleet, 'sums')
  return as_text(words) .. (sums and ' | ' .. as_text(sums) or '')
end
