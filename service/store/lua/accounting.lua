-- Fleet time, the exact time integrals, and the optimum U*(N, A) at the present number of sessions.

accounting = {}

accounting.MAX_STEP = 5e6 -- µs: a longer silence, or a clock that jumps, moves fleet time by no more
accounting.HOLD = 60e6 -- µs after such a gap in which no lease ends
accounting.ENTRY = 20 -- bytes of a `bound` entry: class position (2), marginal utility (18)

-- value added to a pair (high, low) of doubles without losing low-order bits (Knuth's TwoSum).
local function add(high, low, value)
  local sum = high + value
  local part = sum - high
  low = low + ((high - (sum - part)) + (value - part))
  local top = sum + low
  return top, low - (top - sum)
end

accounting.INTEGRALS = { 'sessions', 'utility', 'optimum' } -- a pair each in `integrals`

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
    local pairs_of = fleet.integrals
    for at, name in ipairs(accounting.INTEGRALS) do
      pairs_of[2 * at - 1], pairs_of[2 * at] = add(pairs_of[2 * at - 1], pairs_of[2 * at], fleet[name] * elapsed)
    end
  end
end

-- Pools per class are integrated up to now; called before their numbers change, and by reads on their own copy.
function accounting.settle_pools(fleet)
  local elapsed = fleet.time - fleet.pools_since
  for position, pools in ipairs(fleet.pools) do
    fleet.pools_high[position], fleet.pools_low[position] =
      add(fleet.pools_high[position], fleet.pools_low[position], pools * elapsed)
  end
  fleet.pools_since = fleet.time
end

-- Class position and marginal utility at `rank` of the marginal utilities' own order, empty classes left out.
local function entry(fleet, rank)
  local known = fleet.cache[rank]
  if not known then
    local from = (rank - 1) * accounting.ENTRY
    local text = redis.call('GETRANGE', fleet.prefix .. 'bound', from, from + accounting.ENTRY - 1)
    known = { tonumber(string.sub(text, 1, 2)), tonumber(string.sub(text, 3)) }
    fleet.cache[rank] = known
  end
  return known[1], known[2]
end

-- One more session: the optimum fills the next place. O(1).
local function raise_optimum(fleet)
  local position, marginal = entry(fleet, fleet.bound_rank)
  fleet.optimum = fleet.optimum + marginal
  fleet.bound_filled = fleet.bound_filled + 1
  if fleet.bound_filled == fleet.pools[position] then
    fleet.bound_rank = fleet.bound_rank + 1
    fleet.bound_filled = 0
  end
end

-- One session less. O(1).
local function lower_optimum(fleet)
  if fleet.bound_filled == 0 then
    fleet.bound_rank = fleet.bound_rank - 1
    local position = entry(fleet, fleet.bound_rank)
    fleet.bound_filled = fleet.pools[position]
  end
  local _, marginal = entry(fleet, fleet.bound_rank)
  fleet.optimum = fleet.optimum - marginal
  fleet.bound_filled = fleet.bound_filled - 1
end

-- U*(N, A) from the start, after A changed. O(r*).
function accounting.refill_optimum(fleet)
  fleet.cache = {}
  fleet.optimum, fleet.bound_rank, fleet.bound_filled = 0, 1, 0
  local left = fleet.sessions
  while left > 0 do
    local position, marginal = entry(fleet, fleet.bound_rank)
    local filled = math.min(left, fleet.pools[position])
    fleet.optimum = fleet.optimum + filled * marginal
    left = left - filled
    if filled == fleet.pools[position] then
      fleet.bound_rank = fleet.bound_rank + 1
    else
      fleet.bound_filled = filled
    end
  end
end

-- The integer marginal utility of class `position` between level - 1 and level.
function accounting.marginal(fleet, position, level)
  local id = position * 65536 + level
  local known = fleet.cache[-id]
  if not known then
    local from = (level - 1) * 18
    known = tonumber(redis.call('GETRANGE', state.class_key(fleet, 'marginals', position), from, from + 17))
    fleet.cache[-id] = known
  end
  return known
end

-- A pool of class `position` came to hold `level` sessions, one more than before.
function accounting.rose(fleet, position, level)
  fleet.sessions = fleet.sessions + 1
  fleet.utility = fleet.utility + accounting.marginal(fleet, position, level)
  raise_optimum(fleet)
end

-- A pool of class `position` no longer holds `level` sessions.
function accounting.fell(fleet, position, level)
  fleet.sessions = fleet.sessions - 1
  fleet.utility = fleet.utility - accounting.marginal(fleet, position, level)
  lower_optimum(fleet)
end

-- The integrals as one line of text: version, time, then (high, low) of sessions, utility, optimum and every
-- class's pools.
function accounting.integrals(fleet)
  local words = { fleet.utilities_version, fleet.time }
  for _, value in ipairs(fleet.integrals) do
    words[#words + 1] = value
  end
  for position = 1, #fleet.pools do
    words[#words + 1] = fleet.pools_high[position]
    words[#words + 1] = fleet.pools_low[position]
  end
  for at = 1, #words do
    words[at] = string.format('%.17g', words[at])
  end
  return table.concat(words, ' ')
end
