-- The audit of keys: each can belong to a fleet, has the right type, and does not expire.

audit_keys = {}

-- The type of a row's key such as "level:0:7" or "green:0"; nil if no class has such a row.
local function type_of_row(fleet, name)
  local row, class_id, level = string.match(name, '^(%a+):(%d+):?(%d*)$')
  local class_index = row and fleet.index_by_id[tonumber(class_id)]
  if not class_index then
    return nil
  elseif level ~= '' then
    local fits = tonumber(level) >= 1 and tonumber(level) <= fleet.capacities[class_index]
    return row == 'level' and fits and keys.NUMBERED.level or nil
  end
  return keys.CLASS[row] or policy_tables.owns_row(fleet, row, class_index) and 'string' or nil
end

local function is_pool(fleet, class_id)
  local class_index, pool_index = keys.locate(fleet, class_id)
  return class_index and redis.call('GETBIT', keys.of_class(fleet, 'used', class_index), pool_index) == 1
end

-- The type of the key {fleet}:name; nil for a key that the fleet cannot have.
function audit_keys.type_of(fleet, name)
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
    return vectors.has(constants.WINDOWS, tonumber(class_id)) and keys.NUMBERED.past or nil
  end
  return type_of_row(fleet, name)
end

local function check_key(fleet, report, key, name)
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then
    return
  end
  local wanted = audit_keys.type_of(fleet, name)
  if not wanted then
    report:add(key .. ': is a stray key')
  else
    report:expect_equal(key .. ': its type', kind, wanted)
  end
  if redis.call('PTTL', key) ~= -1 then
    report:add(key .. ': has a time to live')
  end
  local second = string.match(name, '^leases:(%d+)$')
  if second then
    report.leases[#report.leases + 1] = second
  end
end

-- Checks some keys. O(work).
function audit_keys.check(fleet, report, cursor)
  return slices.each_key(fleet, report, cursor, function(key, name) check_key(fleet, report, key, name) end)
end
