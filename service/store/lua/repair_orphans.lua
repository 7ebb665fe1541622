-- Sessions without a record, of which only their pool's set knows: they get a record again.

repair_orphans = {}

-- Those of the pool with this number that have not ended, and the commands that it took. O(sessions of the pool).
function repair_orphans.of_pool(fleet, number)
  local ids, found = redis.pcall('SMEMBERS', keys.of_ids(fleet, number)), {}
  local are_readable = redis.call('TYPE', keys.of_fleet(fleet, 'sessions')).ok == 'hash'
  local stored, commands = are_readable and records.read_all(fleet, ids) or {}, 3 + 2 * #ids
  for at, id in ipairs(ids) do
    if not stored[at] then
      commands = commands + 3
      found[#found + 1] = not repair_aside.is_over(fleet, id) and id or nil
    end
  end
  return found, commands
end

-- A session of which only its pool is known begins now, with a whole lease of the fleet.
local function restore(fleet, id, number, pool_id)
  redis.call('HSET', keys.of_fleet(fleet, 'sessions'), id, records.text({
    number = number, start = fleet.time, lease = fleet.lease, due = 0, pool_id = pool_id, placed = '',
  }))
end

-- A repair's stage, before the sets of ids are dropped: pools one by one. O(work + sessions of a pool).
function repair_orphans.place(fleet, job, cursor)
  return columns.each_pool(fleet, job, cursor, function(number)
    local pool_id = records.pool_name(fleet, number)
    local found, commands = repair_orphans.of_pool(fleet, number)
    for _, id in ipairs(pool_id and found or {}) do
      restore(fleet, id, number, pool_id)
    end
    return commands + #found
  end)
end
