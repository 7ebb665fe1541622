-- Counts of sessions by type and by class, and the integrals of N_t, for fleets with session types.

type_counts = {}

-- So many sessions of a kind begin in a class on active pools; negative if they end there.
local function add(fleet, kind, class_index, count)
  local cell = (kind - 1) * fleet.classes + class_index
  fleet.type_sessions[kind] = fleet.type_sessions[kind] + count
  fleet.type_held[cell] = fleet.type_held[cell] + count
  fleet.held[class_index] = fleet.held[class_index] + count
end

-- A session of a kind begins in a class (`change` is 1) or ends there (-1). O(1).
function type_counts.on_change(fleet, kind, class_index, change, is_active)
  assert(fleet.types, 'the session types are missing')
  if not is_active then
    type_block.touch(fleet, kind)
    fleet.type_others[kind] = fleet.type_others[kind] + change
    return
  end
  intervals.settle_kind(fleet, kind)
  add(fleet, kind, class_index, change)
  type_block.touch(fleet)
end

-- The sessions of a pool by kind. O(sessions).
function type_counts.of_pool(fleet, pool_number)
  local found, ids = vectors.zeros(fleet.kinds), redis.call('SMEMBERS', keys.of_ids(fleet, pool_number))
  for _, record in ipairs(records.read_all(keys.of_fleet(fleet, 'sessions'), ids)) do
    local kind = records.kind(fleet, assert(records.parse(record), 'a record of the pool is unreadable'))
    found[kind] = found[kind] + 1
  end
  return found
end

-- Sets all counts but those of assigned sessions to 0, as are all sums. O(classes + types).
function type_counts.reset(fleet)
  local assigned = rawget(fleet, 'type_assigned')
  fleet.type_texts = {}
  type_block.each_field(fleet.kinds, fleet.classes, function(field, count)
    fleet[field] = count and vectors.zeros(count) or 0
  end)
  for kind = 1, fleet.kinds do
    fleet.type_since[kind] = fleet.time
  end
  if fleet.kinds > 0 and vectors.is_valid('vector', assigned, fleet.kinds) then
    fleet.type_assigned = assigned
  end
  intervals.begin(fleet)
end

-- Counts the sessions of a pool that is in no count. O(its sessions).
function type_counts.add_pool(fleet, pool_number, is_active)
  local class_index = keys.locate(fleet, pool_number)
  type_block.touch_all(fleet)
  for kind, count in ipairs(type_counts.of_pool(fleet, pool_number)) do
    if is_active then
      add(fleet, kind, class_index, count)
    else
      fleet.type_others[kind] = fleet.type_others[kind] + count
    end
  end
end

-- Moves the sessions of a pool that becomes active (`sign` is 1) or ceases to be (-1). O(its sessions).
function type_counts.move_pool(fleet, pool_number, sign)
  local class_index = keys.locate(fleet, pool_number)
  type_block.touch_all(fleet)
  for kind, count in ipairs(type_counts.of_pool(fleet, pool_number)) do
    if count > 0 then
      intervals.settle_kind(fleet, kind)
      add(fleet, kind, class_index, sign * count)
      fleet.type_others[kind] = fleet.type_others[kind] - sign * count
    end
  end
end

-- The first counts, when a fleet gets types: all its sessions are of the default one. O(levels in use * pools / 8).
function type_counts.begin(fleet)
  type_counts.reset(fleet)
  cold.load(fleet, 'draining_sessions')
  fleet.type_others[1] = vectors.sum(fleet.draining_sessions)
  for class_index, count in ipairs(type_counts.held_by_class(fleet)) do
    add(fleet, 1, class_index, count)
  end
end

-- The sessions on active pools by class, from the level rows. O(levels in use * pools / 8).
function type_counts.held_by_class(fleet)
  local held = {}
  for class_index, counts in ipairs(ledger.columns(fleet)) do
    held[class_index] = vectors.sum(counts) - counts[1]
  end
  return held
end

-- Calls visit(field, word, count, kind) for each count of refused sessions in {fleet}:types; without a word if it is
-- not one of a type.
function type_counts.each_refusal(fleet, visit)
  local stored = redis.call('HGETALL', keys.of_fleet(fleet, 'types'))
  for at = 1, #stored, 2 do
    local word, number = string.match(stored[at], '^(%a+):(.*)$')
    local kind = fleet.types.by_number[tonumber(number)]
    if vectors.index(session_types.REFUSALS, word) then
      visit(stored[at], kind and string.match(stored[at + 1], '^%d+$') and word, tonumber(stored[at + 1]), kind)
    end
  end
end

-- By word, the refused sessions of all types beyond those that the fleet counted.
function type_counts.uncounted_refusals(fleet)
  cold.load(fleet, 'rejected_no_capacity', 'rejected_no_active_pool')
  local left = { full = -fleet.rejected_no_capacity, inactive = -fleet.rejected_no_active_pool }
  type_counts.each_refusal(fleet, function(_, word, count)
    if left[word] then
      left[word] = left[word] + count
    end
  end)
  for word, count in pairs(left) do
    left[word] = count > 0 and count or nil
  end
  return left
end
