-- The audit of keys: each is one that a fleet can have, of its type, without a time to live.

audit_keys = {}

-- Class position by number of a row's key, and a level: "level:0:7", "green:0".
local function type_of_row(fleet, name)
  local row, number, level = string.match(name, '^(%a+):(%d+):?(%d*)$')
  local position = row and fleet.position[tonumber(number)]
  if not position then
    return nil
  elseif level ~= '' then
    local fits = tonumber(level) >= 1 and tonumber(level) <= fleet.capacities[position]
    return row == 'level' and fits and keys.NUMBERED.level or nil
  end
  return keys.CLASS[row] or policies.owns(fleet, row, position) and 'string' or nil
end

local function is_pool(fleet, number)
  local position, bit = keys.locate(fleet, number)
  return position and redis.call('GETBIT', keys.of_class(fleet, 'used', position), bit) == 1
end

-- The type that the key {fleet}:name must have; nil for a key that the fleet cannot have.
function audit_keys.type_of(fleet, name)
  local kind, number = string.match(name, '^(%a+):(%d+)$')
  if keys.FLEET[name] then
    return keys.FLEET[name]
  elseif policies.owns(fleet, name) then
    return 'string'
  elseif kind == 'ids' then
    return is_pool(fleet, tonumber(number)) and keys.NUMBERED.ids or nil
  elseif kind == 'leases' then
    return keys.NUMBERED.leases
  elseif kind == 'past' then
    return vectors.has(constants.WINDOWS, tonumber(number)) and keys.NUMBERED.past or nil
  end
  return type_of_row(fleet, name)
end

local function check_key(fleet, look, key)
  local name = string.sub(key, #fleet.prefix + 1)
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then
    return
  end
  local wanted = audit_keys.type_of(fleet, name)
  if not wanted then
    look:say(key .. ': is a stray key')
  else
    look:claim(key .. ': its type', kind, wanted)
  end
  if redis.call('PTTL', key) ~= -1 then
    look:say(key .. ': has a time to live')
  end
  local second = string.match(name, '^leases:(%d+)$')
  if second then
    look.leases[#look.leases + 1] = second
  end
end

-- Some keys of the server, of which those of the fleet are looked at. O(work).
function audit_keys.check(fleet, look, cursor)
  local from, count = cursor == '' and '0' or cursor, math.ceil(look.left / 3)
  local found = redis.call('SCAN', from, 'MATCH', fleet.prefix .. '*', 'COUNT', count)
  for _, key in ipairs(found[2]) do
    check_key(fleet, look, key)
  end
  return found[1] ~= '0' and found[1] or nil
end
