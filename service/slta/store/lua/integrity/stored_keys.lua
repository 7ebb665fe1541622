-- The keys of a fleet as they are stored: which can belong to it, of which type, and which a repair rebuilds.

stored_keys = {}

-- The type of a row's key such as "level:0:7" or "green:0"; nil if no class has such a row.
local function type_of_row(fleet, name)
  local row, class_id, level = string.match(name, '^(%a+):(%d+):?(%d*)$')
  local class_index = row and fleet.index_by_id[tonumber(class_id)]
  if not class_index then
    return nil
  elseif level ~= '' then
    local fits = row == 'level' and tonumber(level) >= 1 and tonumber(level) <= fleet.capacities[class_index]
    return fits and keys.NUMBERED.level or nil
  end
  return keys.CLASS[row] or policy_tables.owns_row(fleet, row, class_index) and 'string' or nil
end

local function is_pool(fleet, class_id)
  local class_index, pool_index = keys.locate(fleet, class_id)
  return class_index and redis.call('GETBIT', keys.of_class(fleet, 'used', class_index), pool_index) == 1
end

-- The type of the key {fleet}:name; nil for a key that the fleet cannot have.
function stored_keys.normalize(fleet, name)
  local kind, class_id = string.match(name, '^(%a+):(%d+)$')
  if keys.FLEET[name] then
    return keys.FLEET[name]
  elseif policy_tables.owns_row(fleet, name) then
    return 'string'
  elseif kind == 'ids' then
    return is_pool(fleet, tonumber(class_id)) and keys.NUMBERED.ids or nil
  elseif kind == 'leases' then
    return keys.NUMBERED.leases
  elseif kind == 'past' then
    return vectors.index(constants.WINDOWS, tonumber(class_id)) and keys.NUMBERED.past or nil
  end
  return type_of_row(fleet, name)
end

-- Whether a repair rebuilds the key from other keys.
function stored_keys.is_derived(name)
  local row, pool_number = string.match(name, '^(%a+):(%d+)')
  for _, policy in pairs(policy_tables.BY_NAME) do
    if vectors.index(policy.FLEET_ROWS, name) or pool_number and vectors.index(policy.CLASS_ROWS, row) then
      return true
    end
  end
  return row == 'level' or row == 'ids' or row == 'leases'
end

-- A part: some keys, and the sets that the verb looks into. O(work).
function stored_keys.walk(fleet, slice, cursor)
  return slices.each_key(fleet, slice, cursor, function(name, key)
    return slice:key(fleet, name, key, redis.call('TYPE', key).ok)
  end, function(name, position) return slice:set(fleet, name, position) end)
end
