-- Orphans: sessions without a record that are known only from their pool's id set. A repair restores their records, if
-- there is such a pool.

orphans = {}

-- The orphans of a pool that have not ended, and the number of commands used. O(sessions of the pool).
function orphans.of_pool(fleet, pool_number)
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

-- A part of audits: each id in the set of a pool has a record that names the pool. O(work + sessions of a pool).
function orphans.check(fleet, report, cursor)
  return bit_blocks.each_pool(fleet, report, cursor, function(pool_number)
    local ids = redis.call('SMEMBERS', keys.of_ids(fleet, pool_number))
    local wanted = string.format('%d ', pool_number)
    for at, record in ipairs(records.read_all(keys.of_fleet(fleet, 'sessions'), ids)) do
      if string.sub(record or '', 1, #wanted) ~= wanted then
        local text = 'session %s: is in the id set of pool number %d without a record there'
        report:add(string.format(text, ids[at], pool_number))
      end
    end
    return 2 + 2 * #ids
  end)
end

-- A part of repairs, before the id sets are dropped: restores records, pool by pool. A session begins now, with a full
-- lease of the fleet. O(work + sessions of a pool).
function orphans.restore(fleet, job, cursor)
  return bit_blocks.each_pool(fleet, job, cursor, function(pool_number)
    local pool_id = records.pool_name(fleet, pool_number)
    local found, commands = orphans.of_pool(fleet, pool_number)
    for _, id in ipairs(pool_id and found or {}) do
      redis.call('HSET', keys.of_fleet(fleet, 'sessions'), id, records.text({
        pool_number = pool_number, start = fleet.time, lease = fleet.lease, due = 0, pool_id = pool_id, placed = '',
      }))
    end
    return commands + #found
  end)
end
