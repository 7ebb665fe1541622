-- What the pools hold. `level:<class>:<j>` has a bit for every active pool with at least j sessions, so rows are
-- nested and an active pool's occupancy is its number of bits; `ids:<pool number>` is the set of session ids of
-- any pool. A session's arrival sets one bit, its end clears one.

ledger = {}

function ledger.occupancy(fleet, number)
  return redis.call('SCARD', keys.of_ids(fleet, number))
end

-- An active pool came to hold `level` sessions, one more than before.
function ledger.rose(fleet, position, bit, level)
  redis.call('SETBIT', keys.of_level(fleet, position, level), bit, 1)
  accounting.rose(fleet, position, level)
  policies.tell(fleet, 'rose', position, bit, level)
end

-- A pool no longer holds `level` sessions. Only active pools have bits: clearing tells whether it is one.
function ledger.fell(fleet, position, bit, level)
  if redis.call('SETBIT', keys.of_level(fleet, position, level), bit, 0) == 1 then
    accounting.fell(fleet, position, level)
    policies.tell(fleet, 'fell', position, bit, level)
  else
    fleet.draining_sessions[position] = fleet.draining_sessions[position] - 1
  end
end

-- n*q(i, j) for j = 0, 1, … down to the last level in use, level 0 being all. O(levels in use * pools / 8).
function ledger.counts(fleet, position)
  local column = { fleet.pool_counts[position] }
  for level = 1, fleet.capacities[position] do
    local count = rows.count(keys.of_level(fleet, position, level))
    if count == 0 then
      break
    end
    column[#column + 1] = count
  end
  return column
end

-- The lowest level that not all active pools have reached; level rows are nested, so by halving.
-- O(log levels * pools / 8).
function ledger.frontier(fleet, position)
  local low, high = 0, fleet.capacities[position]
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if rows.count(keys.of_level(fleet, position, middle)) == fleet.pool_counts[position] then
      low = middle
    else
      high = middle - 1
    end
  end
  return low + 1
end

-- U from the level rows. O(levels in use * pools / 8).
function ledger.utility(fleet)
  local total = 0
  for position = 1, #fleet.numbers do
    local counts = ledger.counts(fleet, position)
    accounting.expect_marginals(fleet, position, #counts - 1)
    for level = 1, #counts - 1 do
      total = total + counts[level + 1] * accounting.marginal(fleet, position, level)
    end
  end
  return total
end

-- Sets or clears an active pool's column of bits, with its sessions and their utility. O(occupancy).
function ledger.write_column(fleet, position, bit, occupancy, present)
  local sign = present == 1 and 1 or -1
  for level = 1, occupancy do
    redis.call('SETBIT', keys.of_level(fleet, position, level), bit, present)
    fleet.utility = fleet.utility + sign * accounting.marginal(fleet, position, level)
  end
  redis.call('SETBIT', keys.of_class(fleet, 'active', position), bit, present)
  fleet.session_count = fleet.session_count + sign * occupancy
end

-- The classes that have active pools, as text.
local function support(fleet)
  local positions = {}
  for position = 1, #fleet.pool_counts do
    positions[position] = fleet.pool_counts[position] > 0 and 1 or 0
  end
  return table.concat(positions)
end

-- What depends on which pools are active, but for the enumeration of places: the optimum, the policy's rows and r.
-- `afresh` when curves, capacities or the policy are others. O(r* + classes * pools / 8).
function ledger.settle(fleet, afresh)
  fleet.revision = fleet.revision + 1
  memory.forget_names(fleet)
  fleet.active_pools = vectors.sum(fleet.pool_counts)
  fleet.room_for = 0
  for position = 1, #fleet.pool_counts do
    fleet.room_for = fleet.room_for + fleet.pool_counts[position] * fleet.capacities[position]
  end
  accounting.refill_optimum(fleet)
  policies.tell(fleet, 'rebuild', afresh)
end

local function follow(fleet, support_changed, afresh)
  if support_changed then
    memory.forget_enumeration(fleet)
    order.rebuild(fleet)
    accounting.rebuild_bound(fleet)
    memory.renew(fleet)
  end
  ledger.settle(fleet, afresh)
end

-- Lets change() make active pools come or go. Before, their number is integrated up to now; after, everything follows.
-- O(r* + classes * pools / 8), and O(levels) when a class lost its last or got its first pool.
function ledger.change_pools(fleet, change)
  accounting.settle_pools(fleet)
  local before = support(fleet)
  change()
  follow(fleet, support(fleet) ~= before, false)
end

-- The same for settings that change neither the order of places nor where sessions are. O(r* + classes * pools / 8).
function ledger.change_settings(fleet, change)
  accounting.settle_pools(fleet)
  change()
  memory.renew(fleet)
  follow(fleet, false, false)
end

-- The same for a change of the order of places alone: r stays at its coordinate. O(levels + classes * pools / 8).
function ledger.change_order(fleet, change)
  accounting.settle_pools(fleet)
  change()
  follow(fleet, true, false)
end

-- The same for a change after which curves, capacities, the policy or all rows are others.
function ledger.change_afresh(fleet, change)
  accounting.settle_pools(fleet)
  change()
  follow(fleet, true, true)
end
