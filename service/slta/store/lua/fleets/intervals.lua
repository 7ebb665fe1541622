-- The intervals of a fleet with session types over which a dispatcher computes the bound U*(N_1 ... N_T, A), outside of
-- all steps (service/slta/core/session_types/intervals.py). It is jointly concave and homogeneous: at the integrals of
-- N and A over an interval it is at least its own integral, and that of two intervals together at least the sum of
-- both.
--
-- An interval is open until a tick closes it. Then it waits until a dispatcher has told by how much the integral of its
-- U*(N, A) without types exceeds the bound; the sum of these is `compatibility`. Time that nobody has computed, as of
-- an interval that a change of curves, classes or types ends, counts with U*(N, A), which is a bound too.
--
-- In the counts by type: `interval_since`, begin of the open interval; `interval_optimum`, the integral of U*(N, A) up
-- to then; `high`, `low`, those of N_t; `interval_pools`, of A over the open interval up to `pools_since`; `waiting`,
-- the numbers of the closed interval, none without one.

intervals = {}

local SHORTEST, LONGEST = 2e6, 60e6 -- µs
local PER_STAY = 16

-- Adds the sessions of all kinds, up to now, to their integrals over the open interval. O(types).
local function settle(fleet, own)
  for kind = 1, #own.sessions do
    types.settle(fleet, own, kind)
  end
end

-- Of the open interval, up to now, for fleets whose pools are integrated: the integrals of U*(N, A), of the pools by
-- class and of the sessions by type.
local function numbers(fleet, own)
  settle(fleet, own)
  local optimum = (fleet.optimum_high - own.interval_optimum_high) + (fleet.optimum_low - own.interval_optimum_low)
  return vectors.append({ optimum, unpack(own.interval_pools) }, own.sum)
end

-- Begins an interval now, and adds the sessions of the open one to their integrals. None waits.
function intervals.begin(fleet, own)
  for kind = 1, #own.sessions do
    own.high[kind], own.low[kind] = fleet_time.add(own.high[kind], own.low[kind], own.sum[kind])
    own.sum[kind] = 0
  end
  own.interval_pools, own.waiting = vectors.zeros(#fleet.tables_of.names), {}
  own.interval_since = fleet.time
  own.interval_optimum_high, own.interval_optimum_low = fleet.optimum_high, fleet.optimum_low
  own.is_new = true
end

-- Begins anew: what has not been computed counts without types. Before a change of curves, classes or types.
function intervals.restart(fleet)
  if fleet.tables_of.types then
    local own = types.counts(fleet)
    settle(fleet, own)
    intervals.begin(fleet, own)
  end
end

local function ended(fleet)
  return fleet.completed + fleet.expired + fleet.failed + fleet.reported_ended + fleet.pool_gone
end

-- Closes the open interval if none waits and it is old enough: a sixteenth of the mean stay, by Little's law. One
-- without sessions has nothing to compute.
function intervals.close(fleet)
  if not fleet.tables_of.types then
    return
  end
  local own, stay = types.counts(fleet), fleet.sessions_high / math.max(1, ended(fleet))
  local length = math.max(SHORTEST, math.min(stay / PER_STAY, LONGEST))
  if not own.waiting[1] and fleet.time - own.interval_since >= length then
    policies.integrate_pools(fleet)
    local closed, any = numbers(fleet, own), vectors.sum(own.sum) > 0
    intervals.begin(fleet, own)
    own.waiting = any and closed or {}
  end
end

-- The name of the waiting interval, which no other one of any fleet of this name has; nil without one.
local function name(fleet)
  local own = fleet.tables_of.types and types.counts(fleet)
  if own and own.waiting[1] then
    return string.format('%d:%d:%d', fleet.store_epoch, fleet.config_version, own.interval_since)
  end
end

-- The waiting interval for a dispatcher: its name and its numbers; '' without one.
function intervals.told(fleet)
  local named = name(fleet)
  return named and named .. ' ' .. vectors.encode(types.counts(fleet).waiting) or ''
end

-- Adds by how much U*(N, A) exceeds the bound in the interval of this name, once.
function intervals.add(fleet, named, excess)
  excess = tonumber(excess) or -1
  if named and named == name(fleet) and excess >= 0 and excess < 1e300 then
    local own = types.counts(fleet)
    own.compatibility_high, own.compatibility_low =
      fleet_time.add(own.compatibility_high, own.compatibility_low, excess)
    own.waiting, own.is_new = {}, true
  end
end

-- As text for fleets whose pools are integrated: the integrals of `compatibility` and of each type's sessions; then
-- after a slash each interval that is not in the first. O(classes + types).
function intervals.encode(fleet)
  local own = types.counts(fleet)
  local open = numbers(fleet, own)
  local words = { own.compatibility_high, own.compatibility_low }
  for kind = 1, #own.sessions do
    vectors.append(words, { fleet_time.add(own.high[kind], own.low[kind], own.sum[kind]) })
  end
  local waiting = own.waiting[1] and ' / ' .. vectors.encode(own.waiting) or ''
  return vectors.encode(words) .. waiting .. (fleet.time > own.interval_since and ' / ' .. vectors.encode(open) or '')
end
