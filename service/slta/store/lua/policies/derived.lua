-- Derived data: what follows from the occupancies and from which pools are active. A change of one of them passes
-- through here, and changes the ledger, the counts of types and the policy's rows together.

derived = {}

-- The occupancy of a pool rose to `level` (`change` is 1) or fell from it (-1) by a session of this type; only an
-- active pool's may rise.
function derived.on_change(fleet, class_index, pool_index, level, change, type_index)
  local is_active = ledger.on_change(fleet, class_index, pool_index, level, change)
  local on_change = is_active and fleet.policy_table.on_change
  if on_change then
    on_change(fleet, class_index, pool_index, level, change)
  end
  if fleet.kinds > 0 then
    type_counts.on_change(fleet, type_index, class_index, change, is_active)
  end
end

-- Sets the totals that follow from `pools` and `sessions`, and the optimum; `entry` is as for `fill_optimum`. O(r*).
function derived.set(fleet, entry)
  fleet.active_pools = vectors.sum(fleet.pools)
  fleet.room_for = 0
  for class_index = 1, #fleet.pools do
    fleet.room_for = fleet.room_for + fleet.pools[class_index] * fleet.capacities[class_index]
  end
  fleet.optimum, fleet.bound_rank, fleet.bound_filled = accounting.fill_optimum(fleet, fleet.sessions, entry)
end

-- Rebuilds what depends on which pools are active, except the orders: totals, the optimum, the policy's rows and r.
-- `reset` if curves, capacities or the policy changed. O(r* + classes * pools / 8).
function derived.rebuild(fleet, reset)
  fleet.revision = fleet.revision + 1
  derived.set(fleet, function(rank) return tables.entry(fleet, 'bound', rank) end)
  cache.forget_frontiers(fleet)
  policies.call(fleet, 'rebuild', reset)
end

-- Runs change(), which may activate or deactivate pools, or configure the fleet (`configures`): with `reset` also its
-- curves, capacities or policy, else r keeps its coordinate. Before it, the pools per class are integrated up to now;
-- after it, all derived data is rebuilt. O(r* + classes * pools / 8), and O(levels) if `configures`, or if a class lost
-- its last or gained its first pool.
function derived.change(fleet, change, configures, reset)
  derived.change_service(fleet, change, configures, reset)
  derived.rename(fleet)
end

-- The same for a change after which each pool number has the same name.
function derived.change_service(fleet, change, configures, reset)
  accounting.integrate_pools(fleet)
  local before = cache.support(fleet.pools)
  change()
  if configures or cache.support(fleet.pools) ~= before then
    cache.invalidate_order(fleet)
    order.rebuild(fleet)
    cache.store(fleet)
  end
  derived.rebuild(fleet, reset)
end

-- Invalidates the cached names of pools.
function derived.rename(fleet)
  fleet.pool_list = cache.next_version(fleet.pool_list)
end
