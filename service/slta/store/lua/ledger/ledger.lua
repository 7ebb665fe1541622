-- The ledger of occupancies. `level:<class>:<j>` has a bit for every active pool with at least j sessions, so rows are
-- nested and an active pool's occupancy is its number of bits. `ids:<pool_number>` is the set of session ids of a pool.
-- An arrival sets one bit, a departure clears one.

ledger = {}

function ledger.occupancy(fleet, pool_number)
  return redis.call('SCARD', keys.of_ids(fleet, pool_number))
end

-- The occupancy of an active pool rose to `level` (`change` is 1), or that of any pool fell from it (-1). Only active
-- pools have bits: clearing the bit shows whether it was one, and is returned.
function ledger.on_change(fleet, class_index, pool_index, level, change)
  local row, present = keys.of_level(fleet, class_index, level), change > 0 and 1 or 0
  if change < 0 and level < fleet.frontier_bounds[class_index] then
    fleet.frontier_bounds[class_index] = level
  end
  local is_active = rows.set(row, pool_index, present) == 1 or change > 0
  if is_active then
    fleet.sessions = fleet.sessions + change
    local marginal = fleet.marginals[class_index * constants.MAX_LEVELS + level]
    fleet.utility = fleet.utility + change * (marginal or tables.number(fleet, 'marginals', class_index, level))
    accounting.move_optimum(fleet, change)
    if fleet.view then
      candidates.touch(fleet, class_index)
    end
  else
    cold.load(fleet, 'draining_sessions')
    fleet.draining_sessions[class_index] = fleet.draining_sessions[class_index] - 1
  end
  return is_active
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

-- The counts of every class.
function ledger.columns(fleet, all)
  local columns = {}
  for class_index = 1, #fleet.numbers do
    columns[class_index] = ledger.counts(fleet, class_index, all)
  end
  return columns
end

-- U and the sessions on active pools from the counts of every class. O(levels).
local function sum_columns(fleet, columns)
  local utility, total = 0, 0
  for class_index, counts in ipairs(columns) do
    local last = #counts - 1
    while last > 0 and counts[last + 1] == 0 do
      last = last - 1
    end
    accounting.prefetch_marginals(fleet, class_index, last)
    for level = 1, last do
      local count = counts[level + 1]
      total, utility = total + count, utility + count * tables.number(fleet, 'marginals', class_index, level)
    end
  end
  return utility, total
end

-- Sets `pools`, `utility` and `sessions` from the rows, whose counts may be given. O(levels * pools / 8).
function ledger.derive(fleet, columns)
  local active = {}
  for class_index = 1, #fleet.numbers do
    active[class_index] = rows.count(keys.of_class(fleet, 'active', class_index))
  end
  fleet.pools = active
  fleet.utility, fleet.sessions = sum_columns(fleet, columns or ledger.columns(fleet))
end

-- Sets or clears an active pool's column of bits, and adds or subtracts its sessions and their utility. O(occupancy).
function ledger.write_column(fleet, class_index, pool_index, occupancy, present)
  local sign = present == 1 and 1 or -1
  for level = 1, occupancy do
    redis.call('SETBIT', keys.of_level(fleet, class_index, level), pool_index, present)
    fleet.utility = fleet.utility + sign * tables.number(fleet, 'marginals', class_index, level)
  end
  redis.call('SETBIT', keys.of_class(fleet, 'active', class_index), pool_index, present)
  fleet.sessions = fleet.sessions + sign * occupancy
end
