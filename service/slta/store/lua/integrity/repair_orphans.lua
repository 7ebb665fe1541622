-- Orphans: sessions without a record that are known only from their pool's id set. A repair restores their records.

repair_orphans = {}

-- The orphans of a pool that have not ended, and the number of commands used. O(sessions of the pool).
function repair_orphans.of_pool(fleet, pool_number)
  local ids, found = redis.pcall('SMEMBERS', keys.of_ids(fleet, pool_number)), {}
  local are_readable = redis.call('TYPE', keys.of_fleet(fleet, 'sessions')).ok == 'hash'
  local stored, commands = are_readable and records.read_all(keys.of_fleet(fleet, 'sessions'), ids) or {}, 3 + 2 * #ids
  for at, id in ipairs(ids) do
    if not stored[at] then
      commands = commands + 3
      found[#found + 1] = not aside.is_over(fleet, id) and id or nil
    end
  end
  return found, commands
end

-- A repair's stage, before the id sets are dropped: restores records, pool by pool. A session begins now, with a full
-- lease of the fleet. O(work + sessions of a pool).
function repair_orphans.restore(fleet, job, cursor)
  return bit_blocks.each_pool(fleet, job, cursor, function(pool_number)
    local pool_id = records.pool_name(fleet, pool_number)
    local found, commands = repair_orphans.of_pool(fleet, pool_number)
    for _, id in ipairs(pool_id and found or {}) do
      redis.call('HSET', keys.of_fleet(fleet, 'sessions'), id, records.text({
        pool_number = pool_number, start = fleet.time, lease = fleet.lease, due = 0, pool_id = pool_id, placed = '',
      }))
    end
    return commands + #found
  end)
end
