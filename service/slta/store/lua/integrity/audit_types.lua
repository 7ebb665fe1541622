-- The audit of the session types of records: they add up to the counts.

audit_types = {}

local ATTEMPTS = 3
local AT_ONCE = 2
local POOL_COMMANDS = 3 -- of a pool without sessions

-- The attempt, the revision at which it began, the cursor of its pools, and the sessions so far: of each kind and class
-- on active pools, then of each kind on others. An attempt whose fleet has changed is followed by the next.
local function begin_count(fleet, cursor)
  local attempt, revision, from, counts = string.match(cursor, '^(%d+)|(%S+)|(.*)|(.*)$')
  if tonumber(revision) == fleet.revision then
    return tonumber(attempt), from, vectors.split(counts, true)
  end
  return 1 + (tonumber(attempt) or 0), '', vectors.zeros(fleet.kinds * (fleet.classes + 1))
end

-- Adds the sessions of a pool; returns about as many commands as it called.
local function count_pool(fleet, pool_number, counts)
  local class_index, pool_index = keys.locate(fleet, pool_number)
  local is_active = redis.call('GETBIT', keys.of_class(fleet, 'active', class_index), pool_index) == 1
  local classes, found = fleet.classes, type_counts.of_pool(fleet, pool_number)
  for type_index, count in ipairs(found) do
    local at = is_active and (type_index - 1) * classes + class_index or fleet.kinds * classes + type_index
    counts[at] = counts[at] + count
  end
  return POOL_COMMANDS + vectors.sum(found)
end

local function compare_counts(fleet, report, counts)
  local classes = fleet.classes
  for type_index, name in ipairs(fleet.types.names) do
    local own = { unpack(counts, (type_index - 1) * classes + 1, type_index * classes) }
    local kept = { unpack(fleet.type_held, (type_index - 1) * classes + 1, type_index * classes) }
    report:expect_equal('sessions of type ' .. name, fleet.type_sessions[type_index], vectors.sum(own))
    report:expect_equal('sessions of type ' .. name .. ' by class', kept, own)
    local others = counts[fleet.kinds * classes + type_index]
    report:expect_equal('sessions of type ' .. name .. ' on other pools', fleet.type_others[type_index], others)
  end
end

-- Whether all sessions can be counted in this call, in which the fleet cannot change.
local function is_small(fleet, report)
  local begun, count = redis.call('HLEN', keys.of_fleet(fleet, 'sessions')), vectors.sum(fleet.pools)
  cold.load(fleet, 'draining_pools', 'failed_pools')
  count = count + vectors.sum(fleet.draining_pools) + vectors.sum(fleet.failed_pools)
  return begun + POOL_COMMANDS * count <= AT_ONCE * report.budget
end

-- Counts the sessions of each type and class by their records. Only a sum over all pools can be compared, so the fleet
-- must not change meanwhile: a small one is counted in one call, which may take AT_ONCE times its work; of a larger one
-- the revision is part of the cursor, and after ATTEMPTS the part is reported as not checked. O(work).
function audit_types.count(fleet, report, cursor)
  if fleet.kinds == 0 or not fleet.types then
    return nil
  end
  local attempt, from, counts = begin_count(fleet, cursor)
  if attempt > ATTEMPTS then
    report.unchecked = 'sessions of each type: the fleet changed during each count'
    return nil
  elseif is_small(fleet, report) then
    report.budget = math.huge
  end
  local following = bit_blocks.each_pool(fleet, report, from, function(pool_number)
    return count_pool(fleet, pool_number, counts)
  end)
  if following then
    return string.format('%d|%s|%s|%s', attempt, vectors.encode(fleet.revision), following, vectors.encode(counts))
  end
  compare_counts(fleet, report, counts)
end
