-- The intervals of a fleet with session types over which a dispatcher computes the bound U*(N_1 ... N_T, A), outside of
-- all steps (service/slta/core/session_types/intervals.py). It is jointly concave and homogeneous: at the integrals of
-- N and A over an interval it is at least its own integral, and that of two intervals together at least the sum of
-- both.
--
-- An interval is open until a tick closes it. Then it waits until a dispatcher has told by how much the integral of its
-- U*(N, A) without types exceeds the bound; the sum of these is `compatibility`. Time that nobody has computed, as of
-- an interval that a change of curves, classes or types ends, counts with U*(N, A), which is a bound too.
--
-- interval_since: begin of the open interval; interval_optimum: the integral of U*(N, A) up to then; type_high,
-- type_low: those of N_t; interval_pools: of A over the open interval up to pools_since; waiting: the numbers of
-- `numbers` of the closed interval, none without one.

intervals = {}

local SHORTEST, LONGEST = 2e6, 60e6 -- µs
local PER_STAY = 16

-- Adds the sessions of a kind on active pools, up to now, to their integral over the open interval, which a plain sum
-- of integers has exactly.
function intervals.settle_kind(fleet, kind)
  type_block.touch(fleet, kind)
  local elapsed = fleet.time - fleet.type_since[kind]
  fleet.type_sum[kind] = fleet.type_sum[kind] + fleet.type_sessions[kind] * elapsed
  fleet.type_since[kind] = fleet.time
end

-- The same of all kinds. Called by reads on their copy, too. O(types).
function intervals.settle(fleet)
  for kind = 1, fleet.kinds do
    intervals.settle_kind(fleet, kind)
  end
end

-- Of the open interval, up to now, for fleets whose pools are integrated: the integrals of U*(N, A), of the pools by
-- class and of the sessions by type.
local function numbers(fleet)
  intervals.settle(fleet)
  local optimum = (fleet.optimum_high - fleet.interval_optimum_high) + (fleet.optimum_low - fleet.interval_optimum_low)
  local found = { optimum, unpack(fleet.interval_pools) }
  codec.append(found, #found, fleet.type_sum)
  return found
end

-- Begins an interval now, and adds the sessions of the open one to their integrals. None waits.
function intervals.begin(fleet)
  for kind = 1, fleet.kinds do
    fleet.type_high[kind], fleet.type_low[kind] =
      accounting.add(fleet.type_high[kind], fleet.type_low[kind], fleet.type_sum[kind])
    fleet.type_sum[kind] = 0
  end
  fleet.interval_pools, fleet.waiting = vectors.zeros(fleet.classes), {}
  fleet.interval_since = fleet.time
  fleet.interval_optimum_high, fleet.interval_optimum_low = fleet.optimum_high, fleet.optimum_low
end

-- Begins anew: what has not been computed counts without types. Before a change of curves, classes or types.
function intervals.restart(fleet)
  type_block.touch_all(fleet)
  intervals.settle(fleet)
  intervals.begin(fleet)
end

-- Closes the open interval if none waits and it is old enough: a sixteenth of the mean stay, by Little's law. One
-- without sessions has nothing to compute.
function intervals.close(fleet)
  if fleet.kinds == 0 then
    return
  end
  type_block.open(fleet)
  local stay = fleet.sessions_high / math.max(1, accounting.ended(fleet))
  local length = math.max(SHORTEST, math.min(stay / PER_STAY, LONGEST))
  if not fleet.waiting[1] and fleet.time - fleet.interval_since >= length then
    type_block.touch_all(fleet)
    accounting.integrate_pools(fleet)
    local closed, any = numbers(fleet), vectors.sum(fleet.type_sum) > 0
    intervals.begin(fleet)
    fleet.waiting = any and closed or {}
  end
end

-- The name of the waiting interval, which no other one of any fleet of this name has; nil without one.
local function name(fleet)
  if fleet.kinds == 0 or not fleet.waiting[1] then
    return nil
  end
  cold.load(fleet, 'store_epoch', 'config_version')
  return string.format('%d:%d:%d', fleet.store_epoch, fleet.config_version, fleet.interval_since)
end

-- The waiting interval for a dispatcher: its name and its numbers; '' without one.
function intervals.told(fleet)
  local named = name(fleet)
  return named and named .. ' ' .. vectors.encode(fleet.waiting) or ''
end

-- Adds by how much U*(N, A) exceeds the bound in the interval of this name, once.
function intervals.add(fleet, named, excess)
  excess = tonumber(excess) or -1
  type_block.open(fleet)
  if named == name(fleet) and excess >= 0 and excess < 1e300 then
    fleet.compatibility_high, fleet.compatibility_low =
      accounting.add(fleet.compatibility_high, fleet.compatibility_low, excess)
    fleet.waiting = {}
  end
end

-- As text for fleets whose pools are integrated: the integrals of `compatibility` and of each type's sessions; then
-- after a slash each interval that is not in the first. O(classes + types).
function intervals.encode(fleet)
  local open = numbers(fleet)
  local words = { fleet.compatibility_high, fleet.compatibility_low }
  for kind = 1, fleet.kinds do
    local high, low = accounting.add(fleet.type_high[kind], fleet.type_low[kind], fleet.type_sum[kind])
    words[#words + 1], words[#words + 2] = high, low
  end
  local waiting = fleet.waiting[1] and ' / ' .. vectors.encode(fleet.waiting) or ''
  return vectors.encode(words) .. waiting .. (fleet.time > fleet.interval_since and ' / ' .. vectors.encode(open) or '')
end
