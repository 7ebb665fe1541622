-- The policies by the name in a fleet's configuration. A policy is a table of TOKENS, the words that its decisions
-- name, and of functions (level is the pool's new or former occupancy):
--
--   count(fleet)                                reads what it needs into `fleet.counts`
--   choose(fleet, draw, kind, with_quiet)       -> token, class, number of the pool, step; a pool has room for the kind
--   step(fleet, step)                           after the placement: learns the step of `choose`, if it is not 0
--   on_change(fleet, class, number, level, change)  the occupancy of a confirmed pool rose to `level` or fell from it
--   move_pool(fleet, class, number, occupancy, is_here)  a confirmed pool comes into service, or goes
--   rebuild(fleet, reset, all)                  pools changed; `reset`: curves or the policy did; `all`: any setting
--   clear(fleet)                                the fleet gets another policy
--   rank(fleet)                                 the rank that observations show
--
-- One that `observes` places no session. All but `count`, `on_change`, `rebuild` and `rank` are optional.

policies = {}

tables.POLICIES = {} -- @POLICIES@

-- Reads the counts of a fleet, unless its last call here left them.
function policies.count(fleet)
  if not fleet.counts then
    fleet.counts = {}
    fleet.tables_of.policy_table.count(fleet)
  end
end

-- The free places of the classes that a kind may use. O(classes).
function policies.free(fleet, kind)
  local known = fleet.tables_of.types
  if not known then
    return fleet.tables_of.room - fleet.sessions + vectors.sum(fleet.over)
  end
  local free, set = 0, known.sets[kind]
  for at = 1, #set do
    free = free + types.free_of_class(fleet, set[at])
  end
  return free
end

-- Chooses a pool for a session of a kind, for which one has room: a confirmed one, unless only others have room; as
-- `choose` above. O(classes + log pools), O(classes * types) with types.
function policies.choose(fleet, draw, kind)
  local is_quiet = false
  if fleet.tables_of.unconfirmed > 0 then
    is_quiet = types.total(fleet, kind, occupancies.room(fleet, false)) == 0
  end
  return fleet.tables_of.policy_table.choose(fleet, draw, kind, is_quiet)
end

-- The best marginal utility of a free place that a kind may use, at least `least`. O(classes * log pools).
function policies.best_marginal(fleet, kind, least)
  local compiled, best = fleet.tables_of, least
  for class, marginals in ipairs(compiled.marginals) do
    if compiled.pools[class] > 0 and types.may_use(fleet, kind, class) then
      best = math.max(best, marginals[occupancies.frontier(fleet, class, compiled.quiet[class] > 0)] or best)
    end
  end
  return best
end

-- The occupancy of a pool in service rose to `level` by a session of a kind (`change` is 1) or fell from it (-1): N, U,
-- U*, sessions beyond capacity, the counts by type, and the policy's if it is confirmed.
function policies.on_change(fleet, place, level, change, kind)
  local compiled, class = fleet.tables_of, place.class
  fleet.sessions = fleet.sessions + change
  if level <= compiled.capacities[class] then -- one beyond adds nothing
    fleet.utility = fleet.utility + change * compiled.marginals[class][level]
  else
    state.add(fleet, 'over', class, change)
  end
  bound.move(fleet, change, fleet.sessions)
  if place.set == 'pools' then
    compiled.policy_table.on_change(fleet, class, place.number, level, change)
  end
  if compiled.types then
    types.move(fleet, kind, class, place.number, change)
  end
end

-- N, U, and by class the sessions beyond capacity, from the sorted sets. O(levels in use * log pools).
function policies.totals(fleet)
  local held, utility, over = 0, 0, {}
  for class, capacity in ipairs(fleet.tables_of.capacities) do
    local column, marginals = occupancies.column(fleet, class), fleet.tables_of.marginals[class]
    over[class] = 0
    for level = 1, #column - 1 do
      held, utility = held + column[level + 1], utility + column[level + 1] * (marginals[level] or 0)
      over[class] = over[class] + (level > capacity and column[level + 1] or 0)
    end
  end
  return held, utility, over
end

-- Sets them.
function policies.total(fleet)
  local over
  fleet.sessions, fleet.utility, over = policies.totals(fleet)
  for class, count in ipairs(over) do
    state.set(fleet, 'over', class, count)
  end
end

-- A pool with so many sessions comes into service (`sign` is 1) or leaves it (-1): N, U, sessions beyond capacity.
function policies.add_pool(fleet, class, occupancy, sign)
  fleet.sessions = fleet.sessions + sign * occupancy
  fleet.utility = fleet.utility + sign * tables.utility(fleet, class, occupancy)
  local beyond = math.max(0, occupancy - fleet.tables_of.capacities[class])
  if beyond > 0 then
    state.add(fleet, 'over', class, sign * beyond)
  end
end

-- Integrates the pools by class up to now. Before their numbers change, and by reads.
function policies.integrate_pools(fleet)
  local compiled, elapsed = fleet.tables_of, fleet.time - fleet.pools_since
  local own = compiled.types and types.counts(fleet)
  for class, count in ipairs(compiled.pools) do
    local high, low = fleet_time.add(fleet.pools_high[class], fleet.pools_low[class], count * elapsed)
    state.set(fleet, 'pools_high', class, high)
    state.set(fleet, 'pools_low', class, low)
    if own then
      own.interval_pools[class] = own.interval_pools[class] + count * elapsed
      own.changed['interval_pools:' .. compiled.ids[class]] = own.interval_pools[class]
    end
  end
  fleet.pools_since = fleet.time
end

-- Makes anew what follows from which pools are in service: tables, U* and the policy's counts; `reset` and `all` as
-- above. O(r* + classes), O(pools) if `all`.
function policies.rebuild(fleet, reset, all)
  fleet.shape = fleet.shape + 1
  fleet.tables_of = tables.open(fleet, fleet.tables_of)
  fleet.counts = fleet.counts or {}
  bound.count(fleet)
  fleet.tables_of.policy_table.rebuild(fleet, reset, all)
end
