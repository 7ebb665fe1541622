-- The ledger of occupancies. `level:<class>:<j>` has a bit for every active pool with at least j sessions, so rows are
-- nested and an active pool's occupancy is its number of bits. `ids:<pool_number>` is the set of session ids of a pool.
-- An arrival sets one bit, a departure clears one.

ledger = {}

function ledger.occupancy(fleet, pool_number)
  return redis.call('SCARD', keys.of_ids(fleet, pool_number))
end

-- The occupancy of an active pool rose to `level`.
function ledger.on_increment(fleet, class_index, pool_index, level)
  redis.call('SETBIT', keys.of_level(fleet, class_index, level), pool_index, 1)
  accounting.on_increment(fleet, class_index, level)
  policies.call(fleet, 'on_increment', class_index, pool_index, level)
end

-- The occupancy of a pool fell from `level`. Only active pools have bits: clearing the bit shows whether it was one.
function ledger.on_decrement(fleet, class_index, pool_index, level)
  if redis.call('SETBIT', keys.of_level(fleet, class_index, level), pool_index, 0) == 1 then
    accounting.on_decrement(fleet, class_index, level)
    policies.call(fleet, 'on_decrement', class_index, pool_index, level)
  else
    cold.load(fleet, 'draining_sessions')
    fleet.draining_sessions[class_index] = fleet.draining_sessions[class_index] - 1
  end
end

-- n*q(i, j) for j = 0, 1, … up to the highest level in use, or to the capacity if `all`; level 0 counts all active
-- pools. O(levels in use * pools / 8).
function ledger.counts(fleet, class_index, all)
  local column = { fleet.pools[class_index] }
  for level = 1, fleet.capacities[class_index] do
    local count = rows.count(keys.of_level(fleet, class_index, level))
    if count == 0 and not all then
      break
    end
    column[#column + 1] = count
  end
  return column
end

-- The lowest level that some active pool has not reached, by bisection, since level rows are nested. O(log levels *
-- pools / 8).
function ledger.frontier(fleet, class_index)
  local low, high = 0, fleet.capacities[class_index]
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if rows.count(keys.of_level(fleet, class_index, middle)) == fleet.pools[class_index] then
      low = middle
    else
      high = middle - 1
    end
  end
  return low + 1
end

-- The counts of every class.
function ledger.columns(fleet, all)
  local columns = {}
  for class_index = 1, #fleet.numbers do
    columns[class_index] = ledger.counts(fleet, class_index, all)
  end
  return columns
end

-- Computes U and the sessions on active pools from the counts of every class. O(levels).
function ledger.totals(fleet, columns)
  local utility, total = 0, 0
  for class_index, counts in ipairs(columns) do
    local last = #counts - 1
    while last > 0 and counts[last + 1] == 0 do
      last = last - 1
    end
    accounting.prefetch_marginals(fleet, class_index, last)
    for level = 1, last do
      local count = counts[level + 1]
      total, utility = total + count, utility + count * accounting.marginal(fleet, class_index, level)
    end
  end
  return utility, total
end

-- Sets or clears an active pool's column of bits, and adds or subtracts its sessions and their utility. O(occupancy).
function ledger.write_column(fleet, class_index, pool_index, occupancy, present)
  local sign = present == 1 and 1 or -1
  for level = 1, occupancy do
    redis.call('SETBIT', keys.of_level(fleet, class_index, level), pool_index, present)
    fleet.utility = fleet.utility + sign * accounting.marginal(fleet, class_index, level)
  end
  redis.call('SETBIT', keys.of_class(fleet, 'active', class_index), pool_index, present)
  fleet.sessions = fleet.sessions + sign * occupancy
end

-- Rebuilds what depends on which pools are active, except the orders: totals, the optimum, the policy's rows and r.
-- `reset` if curves, capacities or the policy changed. O(r* + classes * pools / 8).
function ledger.rebuild(fleet, reset)
  fleet.revision = fleet.revision + 1
  cache.invalidate_names(fleet)
  fleet.active_pools = vectors.sum(fleet.pools)
  fleet.room_for = 0
  for class_index = 1, #fleet.pools do
    fleet.room_for = fleet.room_for + fleet.pools[class_index] * fleet.capacities[class_index]
  end
  fleet.optimum, fleet.bound_rank, fleet.bound_filled =
    accounting.fill_optimum(fleet, fleet.sessions, accounting.entry)
  policies.call(fleet, 'rebuild', reset)
end

-- Rebuilds the live orders from the full ones.
local function rebuild_orders(fleet)
  cache.invalidate_order(fleet)
  order.rebuild(fleet)
  accounting.rebuild_bound(fleet)
end

-- Runs change(), which may activate or deactivate pools. Before it, the pools per class are integrated up to now; after
-- it, all derived data is rebuilt. O(r* + classes * pools / 8), and O(levels) if a class lost its last or gained its
-- first pool.
function ledger.change_pools(fleet, change)
  accounting.integrate_pools(fleet)
  local before = cache.support(fleet.pools)
  change()
  if cache.support(fleet.pools) ~= before then
    rebuild_orders(fleet)
    cache.store(fleet)
  end
  ledger.rebuild(fleet, false)
end

-- The same for a change() of the configuration: with `reorders` of the order of coordinates too, with `reset` also of
-- curves, capacities or the policy; without `reset` r keeps its coordinate. O(r* + classes * pools / 8), and O(levels)
-- with `reorders`.
function ledger.change_configuration(fleet, reorders, reset, change)
  accounting.integrate_pools(fleet)
  change()
  if reorders then
    rebuild_orders(fleet)
  end
  cache.store(fleet)
  ledger.rebuild(fleet, reset)
end
