-- Changes of a fleet's classes by a configuration: their ids, vectors and rows.

class_changes = {}

local KEYS_PER_UNLINK = 1000 -- maximum number of keys in one UNLINK

-- Whether a configuration has other classes than the fleet, or other capacities.
function class_changes.differ(fleet, given)
  local before = vectors.encode(fleet.names) .. '|' .. vectors.encode(fleet.capacities)
  return vectors.encode(given.names) .. '|' .. vectors.encode(given.capacities) ~= before
end

-- The class_id of every class: the present one, or for new classes the lowest free ones.
function class_changes.ids(fleet, names)
  local ids_by_name, taken, class_ids = {}, {}, {}
  for class_index, name in ipairs(fleet.names) do
    ids_by_name[name] = fleet.numbers[class_index]
    taken[fleet.numbers[class_index]] = true
  end
  local free = 0
  for class_index, name in ipairs(names) do
    if not ids_by_name[name] then
      while taken[free] do
        free = free + 1
      end
      ids_by_name[name], taken[free] = free, true
    end
    class_ids[class_index] = ids_by_name[name]
  end
  return class_ids
end

local function largest_occupancy(fleet, class_index)
  local largest = 0
  rows.each(keys.of_class(fleet, 'used', class_index), 0, function(pool_index)
    largest = math.max(largest, ledger.occupancy(fleet, keys.pool_number(fleet, class_index, pool_index)))
  end)
  return largest
end

-- The refusal if classes of the capacities `wanted` by name cannot replace the present ones, else nil.
-- O(pools) if a capacity shrinks.
function class_changes.refusal(fleet, wanted)
  for class_index, name in ipairs(fleet.names) do
    if pool_records.total(fleet, class_index) > 0 then
      if not wanted[name] then
        return { 'CLASS_IN_USE', name }
      elseif wanted[name] < fleet.capacities[class_index] and largest_occupancy(fleet, class_index) > wanted[name] then
        return { 'CAPACITY_BELOW_OCCUPANCY', name }
      end
    end
  end
end

-- Deletes the rows of a class from level `first` on.
function class_changes.drop_levels(fleet, class_index, first)
  for from = first, fleet.capacities[class_index], KEYS_PER_UNLINK do
    local level_keys = {}
    for level = from, math.min(from + KEYS_PER_UNLINK - 1, fleet.capacities[class_index]) do
      level_keys[#level_keys + 1] = keys.of_level(fleet, class_index, level)
    end
    redis.call('UNLINK', unpack(level_keys))
  end
end

-- Deletes all keys of a class, including the rows of the policy.
function class_changes.drop(fleet, class_index)
  for name in pairs(keys.CLASS) do
    redis.call('DEL', keys.of_class(fleet, name, class_index))
  end
  for _, name in ipairs(fleet.policy_table.CLASS_ROWS) do
    redis.call('DEL', keys.of_class(fleet, name, class_index))
  end
  class_changes.drop_levels(fleet, class_index, 1)
end

-- The vectors of the fleet that are reordered with its classes, including the placement counts of earlier policies.
local function per_class_vectors(fleet)
  local fields = {}
  state.each_field(fleet.policy_table, function(field, kind)
    if kind == 'vector' and field ~= 'numbers' and field ~= 'capacities' and fleet[field] then
      fields[#fields + 1] = field
    end
  end)
  return fields
end

-- Reorders all vectors to the new class indexes. Deletes the rows of removed classes.
function class_changes.reorder(fleet, class_ids)
  local old = fleet.index_by_id
  for class_index, class_id in ipairs(fleet.numbers) do
    if not vectors.index(class_ids, class_id) then
      class_changes.drop(fleet, class_index)
    end
  end
  for _, field in ipairs(per_class_vectors(fleet)) do
    local vector = {}
    for class_index, class_id in ipairs(class_ids) do
      vector[class_index] = old[class_id] and fleet[field][old[class_id]] or 0
    end
    fleet[field] = vector
  end
end
