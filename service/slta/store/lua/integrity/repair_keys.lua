-- A repair's stage on all keys: deletes rows, id sets and lease sets, which later stages rebuild.

repair_keys = {}

-- Whether a repair rebuilds the key from other keys.
function repair_keys.is_derived(name)
  local row, pool_number = string.match(name, '^(%a+):(%d+)')
  for _, policy in pairs(policy_tables.BY_NAME) do
    if vectors.has(policy.FLEET_ROWS, name) or pool_number and vectors.has(policy.CLASS_ROWS, row) then
      return true
    end
  end
  return row == 'level' or row == 'ids' or row == 'leases'
end

-- Sessions that are known only from the id set of a pool that does not exist are set aside.
local function repair_key(fleet, job, key, name)
  local wanted = audit_keys.type_of(fleet, name)
  local kind = redis.call('TYPE', key).ok
  local pool_number = string.match(name, '^ids:(%d+)$')
  if pool_number and not wanted then
    for _, id in ipairs(repair_orphans.of_pool(fleet, pool_number)) do
      aside.set(fleet, 'session ' .. id, 'of pool number ' .. pool_number)
    end
  end
  if repair_keys.is_derived(name) or wanted and wanted ~= kind then
    redis.call('UNLINK', key)
  elseif not wanted and job.asked == '1' then
    aside.set(fleet, 'key ' .. name, 'was a stray ' .. kind)
    redis.call('UNLINK', key)
  else
    redis.call('PERSIST', key)
  end
end

-- Repairs some keys. O(work).
function repair_keys.drop(fleet, job, cursor)
  return slices.each_key(fleet, job, cursor, function(key, name) repair_key(fleet, job, key, name) end)
end
