-- The audit of a fleet's session types: the counts by type and class, and the kept assignment.

audit_types = {}

-- The assignment that the fleet's counts have, computed anew on a copy. O(levels * classes).
local function assigned_anew(fleet)
  local copy = setmetatable({ type_flow = false, type_filled = false, type_optimum = 0 }, { __index = fleet })
  assignment.rebuild(copy)
  return copy
end

-- The kept assignment has each session once, in a class that its type may use, and the best utility.
local function check_assignment(fleet, report)
  local filled, flow = vectors.zeros(fleet.classes), fleet.type_flow
  for kind, count in ipairs(fleet.type_sessions) do
    local assigned = 0
    for class_index = 1, fleet.classes do
      local here = flow[(kind - 1) * fleet.classes + class_index]
      assigned, filled[class_index] = assigned + here, filled[class_index] + here
      if here < 0 or here > 0 and not session_types.may_use(fleet, kind, class_index) then
        report:add('assignment: type ' .. fleet.types.names[kind] .. ' has sessions in class '
          .. fleet.names[class_index])
      end
    end
    report:expect_equal('assigned sessions of type ' .. fleet.types.names[kind], assigned, count)
  end
  report:expect_equal('assigned sessions by class', fleet.type_filled, filled)
  report:expect_equal('optimum of the types', fleet.type_optimum, assigned_anew(fleet).type_optimum)
end

-- The stored types are those that the fleet uses, which may be cached; a fleet without types has none. O(types).
function audit_types.check_stored(fleet, report)
  local stored = redis.call('HMGET', keys.of_fleet(fleet, 'types'), 'sets', 'numbers')
  local text = stored[1] and stored[1] .. '|' .. (stored[2] or '') or ''
  report:expect_equal('session types', fleet.kinds > 0 and fleet.types and fleet.types.text or '', text)
end

-- Checks the sums of the counts, and the assignment. O(levels * pools / 8 + levels * classes).
function audit_types.check(fleet, report)
  cold.load(fleet, 'draining_sessions')
  report:expect_equal('sessions of all types', vectors.sum(fleet.type_sessions), fleet.sessions)
  local others = vectors.sum(fleet.draining_sessions)
  report:expect_equal('sessions of all types on other pools', vectors.sum(fleet.type_others), others)
  report:expect_equal('sessions by class', fleet.held, type_counts.held_by_class(fleet))
  for kind, since in ipairs(fleet.type_since) do
    if since > fleet.time then
      report:add('type_since of type ' .. fleet.types.names[kind] .. ': is in the future')
    end
  end
  check_assignment(fleet, report)
end

-- Checks that a record has a type of the fleet which may use the class of its pool.
function audit_types.check_record(fleet, report, id, session)
  local number = records.type_number(session)
  local kind = number and fleet.types and fleet.types.by_number[number]
  local class_index = keys.locate(fleet, session.pool_number)
  if number and not kind then
    report:add('session ' .. id .. ': is of a type that the fleet does not have')
  elseif kind and class_index and not session_types.may_use(fleet, kind, class_index) then
    report:add('session ' .. id .. ': may not use the class of its pool')
  end
end

-- The revision at which a count began, the cursor of its pools, and the sessions of each kind so far on active
-- pools, then on others.
local function begin_count(fleet, cursor)
  local revision, from, counts = string.match(cursor or '', '^(%S+)|(.*)|(.*)$')
  if not revision then
    return fleet.revision, '', vectors.zeros(2 * fleet.kinds)
  end
  return tonumber(revision), from, vectors.split(counts, true)
end

-- Adds the sessions of a pool; returns about as many commands as it called.
local function count_pool(fleet, pool_number, counts)
  local class_index, pool_index = keys.locate(fleet, pool_number)
  local is_active = redis.call('GETBIT', keys.of_class(fleet, 'active', class_index), pool_index) == 1
  local commands = 3
  for kind, count in ipairs(type_counts.of_pool(fleet, pool_number)) do
    local at = kind + (is_active and 0 or fleet.kinds)
    counts[at], commands = counts[at] + count, commands + count
  end
  return commands
end

-- Counts the sessions of each type by their records, as long as the fleet does not change meanwhile: its revision is
-- part of the cursor. O(work).
function audit_types.count(fleet, report, cursor)
  local revision, from, counts = begin_count(fleet, cursor)
  if fleet.kinds == 0 or revision ~= fleet.revision then
    return nil
  end
  local following = bit_blocks.each_pool(fleet, report, from, function(pool_number)
    return count_pool(fleet, pool_number, counts)
  end)
  if following then
    return string.format('%s|%s|%s', vectors.encode(revision), following, vectors.encode(counts))
  end
  for kind, name in ipairs(fleet.types.names) do
    report:expect_equal('sessions of type ' .. name, fleet.type_sessions[kind], counts[kind])
    local others = counts[fleet.kinds + kind]
    report:expect_equal('sessions of type ' .. name .. ' on other pools', fleet.type_others[kind], others)
  end
end
