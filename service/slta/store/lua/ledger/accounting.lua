-- Accounting: fleet time, the exact time integrals, and the optimum U*(N, A) for the present number of sessions.

accounting = {}

-- Adds a value to a pair (high, low) of doubles without losing low-order bits (Knuth's TwoSum).
function accounting.add(high, low, value)
  local sum = high + value
  local part = sum - high
  low = low + ((high - (sum - part)) + (value - part))
  local top = sum + low
  return top, low - (top - sum)
end

local add = accounting.add

-- Advances fleet time to the store's time `now` (µs) and integrates over the interval.
function accounting.advance(fleet, now)
  local elapsed = now - fleet.clock
  if elapsed < 0 and elapsed > -fleet_time.MAX_BACK then
    return
  elseif elapsed < 0 or elapsed > fleet_time.MAX_STEP then
    elapsed = math.max(0, math.min(elapsed, fleet_time.MAX_STEP))
    fleet_time.resume(fleet, now, fleet.time + elapsed)
  end
  fleet.clock = now
  if elapsed > 0 then
    fleet.time = fleet.time + elapsed
    fleet.sessions_high, fleet.sessions_low =
      add(fleet.sessions_high, fleet.sessions_low, fleet.sessions * elapsed)
    fleet.utility_high, fleet.utility_low = add(fleet.utility_high, fleet.utility_low, fleet.utility * elapsed)
    fleet.optimum_high, fleet.optimum_low = add(fleet.optimum_high, fleet.optimum_low, fleet.optimum * elapsed)
  end
end

-- Integrates the pools per class up to now. Called before their numbers change, and by reads on their copy.
function accounting.integrate_pools(fleet)
  cold.load(fleet, 'pools_since', 'pools_high', 'pools_low')
  type_block.open(fleet)
  local elapsed, sums = fleet.time - fleet.pools_since, fleet.kinds > 0 and fleet.interval_pools or {}
  for class_index, count in ipairs(fleet.pools) do
    fleet.pools_high[class_index], fleet.pools_low[class_index] =
      add(fleet.pools_high[class_index], fleet.pools_low[class_index], count * elapsed)
    sums[class_index] = (sums[class_index] or 0) + count * elapsed
  end
  fleet.pools_since = fleet.time
end

-- One session more (`change` is 1): adds the next coordinate to the optimum; one less (-1): removes the last one. O(1).
function accounting.move_optimum(fleet, change)
  if change < 0 and fleet.bound_filled == 0 then
    fleet.bound_rank = fleet.bound_rank - 1
    local class_index = tables.entry(fleet, 'bound', fleet.bound_rank)
    fleet.bound_filled = fleet.pools[class_index]
  end
  local class_index, marginal = tables.entry(fleet, 'bound', fleet.bound_rank)
  fleet.optimum = fleet.optimum + change * marginal
  fleet.bound_filled = fleet.bound_filled + change
  if fleet.bound_filled == fleet.pools[class_index] then
    fleet.bound_rank, fleet.bound_filled = fleet.bound_rank + 1, 0
  end
end

-- U*(N, A) for N = `left` sessions, and the rank and the number of filled pools at which it ends; `entry(rank)` returns
-- the class_index and the marginal utility at a rank of the live order. O(r*).
function accounting.fill_optimum(fleet, left, entry)
  local optimum, rank, filled = 0, 1, 0
  while left > 0 do
    local class_index, marginal = entry(rank)
    local here = math.min(left, fleet.pools[class_index])
    optimum, left = optimum + here * marginal, left - here
    if here == fleet.pools[class_index] then
      rank = rank + 1
    else
      filled = here
    end
  end
  return optimum, rank, filled
end

-- Prefetches the marginal utilities of levels 1 to `last`. O(last).
function accounting.prefetch_marginals(fleet, class_index, last)
  local bytes = constants.BYTES.marginals
  local text = redis.call('GETRANGE', keys.of_class(fleet, 'marginals', class_index), 0, last * bytes - 1)
  for level = 1, last do
    fleet.marginals[class_index * constants.MAX_LEVELS + level] =
      tonumber(string.sub(text, (level - 1) * bytes + 1, level * bytes))
  end
end

local COUNTS = {
  'assigned', 'completed', 'expired', 'learning_steps_up', 'learning_steps_down', 'older_ended', 'early',
  'revision', 'adopted', 'failed', 'reported_ended', 'rejected_no_capacity', 'rejected_no_active_pool', 'repairs',
  'pool_gone', 'rejected_low_priority', 'refused', 'refused_ids',
}

-- Calls visit(name, count, counts, key) for each counter that cannot be negative; it is stored at counts[key].
function accounting.each_count(fleet, visit)
  cold.load(fleet, unpack(COUNTS))
  for _, field in ipairs(COUNTS) do
    visit(field, fleet[field], fleet, field)
  end
  for _, token in ipairs(fleet.policy_table.TOKENS) do
    local name = 'assigned_' .. token
    for class_index, count in ipairs(fleet[name]) do
      visit(name, count, fleet[name], class_index)
    end
  end
end

-- The number of sessions that have ended, by the counters.
function accounting.ended(fleet)
  cold.load(fleet, 'failed', 'reported_ended', 'adopted', 'pool_gone')
  return fleet.completed + fleet.expired + fleet.failed + fleet.reported_ended + fleet.pool_gone
end

-- The number of sessions that have begun and not ended, by the counters.
function accounting.live(fleet)
  return fleet.assigned - accounting.ended(fleet) + fleet.adopted
end

-- The number of sessions placed by a token of the fleet's policy.
function accounting.placements(fleet)
  local placed = 0
  for _, token in ipairs(fleet.policy_table.TOKENS) do
    placed = placed + vectors.sum(fleet['assigned_' .. token])
  end
  return placed
end
