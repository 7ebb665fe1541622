-- A repair's stage on all keys: deletes rows, id sets and lease sets, which later stages rebuild.

repair_keys = {}

-- Whether a repair rebuilds the key from other keys.
function repair_keys.is_derived(name)
  local row, pool_number = string.match(name, '^(%a+):(%d+)')
  for _, policy in pairs(policies.BY_NAME) do
    if vectors.has(policy.FLEET_ROWS, name) or pool_number and vectors.has(policy.CLASS_ROWS, row) then
      return true
    end
  end
  return row == 'level' or row == 'ids' or row == 'leases'
end

-- Sets aside sessions that are known only from the id set of a pool that does not exist.
local function set_ids_aside(fleet, pool_number)
  for _, id in ipairs(repair_orphans.of_pool(fleet, pool_number)) do
    repair.set_aside(fleet, 'session ' .. id, 'of pool number ' .. pool_number)
  end
end

local function repair_key(fleet, job, key)
  local name = string.sub(key, #fleet.prefix + 1)
  local wanted = audit_keys.type_of(fleet, name)
  local kind = redis.call('TYPE', key).ok
  local pool_number = string.match(name, '^ids:(%d+)$')
  if pool_number and not wanted then
    set_ids_aside(fleet, tonumber(pool_number))
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

-- Repairs some keys of the server, if they belong to the fleet. O(work).
function repair_keys.drop(fleet, job, cursor)
  local from, count = cursor == '' and '0' or cursor, math.ceil(job.budget / 3)
  local found = redis.call('SCAN', from, 'MATCH', fleet.prefix .. '*', 'COUNT', count)
  for _, key in ipairs(found[2]) do
    repair_key(fleet, job, key)
  end
  return found[1] ~= '0' and found[1] or nil
end
