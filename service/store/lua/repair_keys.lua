-- A repair's stage that looks through all keys: rows, sets of ids and leases go, for they are written anew.

repair_keys = {}

-- Whether a repair writes the key anew from other keys.
function repair_keys.is_derived(name)
  local row, number = string.match(name, '^(%a+):(%d+)')
  for _, policy in pairs(policies.BY_NAME) do
    if vectors.has(policy.FLEET_ROWS, name) or number and vectors.has(policy.CLASS_ROWS, row) then
      return true
    end
  end
  return row == 'level' or row == 'ids' or row == 'leases'
end

-- Sessions of which nothing is left but their names in the set of a pool that is not there.
local function set_ids_aside(fleet, number)
  for _, id in ipairs(repair_orphans.of_pool(fleet, number)) do
    repair.set_aside(fleet, 'session ' .. id, 'of pool number ' .. number)
  end
end

local function mend_key(fleet, job, key)
  local name = string.sub(key, #fleet.prefix + 1)
  local wanted = audit_keys.type_of(fleet, name)
  local kind = redis.call('TYPE', key).ok
  local number = string.match(name, '^ids:(%d+)$')
  if number and not wanted then
    set_ids_aside(fleet, tonumber(number))
  end
  if repair_keys.is_derived(name) or wanted and wanted ~= kind then
    redis.call('UNLINK', key)
  elseif not wanted and job.asked == '1' then
    repair.set_aside(fleet, 'key ' .. name, 'was a stray ' .. kind)
    redis.call('UNLINK', key)
  else
    redis.call('PERSIST', key)
  end
end

-- Some keys of the server, of which those of the fleet are looked at. O(work).
function repair_keys.drop(fleet, job, cursor)
  local from, count = cursor == '' and '0' or cursor, math.ceil(job.left / 3)
  local found = redis.call('SCAN', from, 'MATCH', fleet.prefix .. '*', 'COUNT', count)
  for _, key in ipairs(found[2]) do
    mend_key(fleet, job, key)
  end
  return found[1] ~= '0' and found[1] or nil
end
