-- Orphans: ids in the set of a pool without a record that names it.

orphans = {}

-- Calls visit(id, record) for those of a pool; the record is false if there is none. Returns the number of commands
-- used. O(sessions of the pool).
function orphans.each(fleet, pool_number, visit)
  local ids, wanted = redis.pcall('SMEMBERS', keys.of_ids(fleet, pool_number)), string.format('%d ', pool_number)
  local key = keys.of_fleet(fleet, 'sessions')
  local stored = redis.call('TYPE', key).ok == 'hash' and records.read_all(key, ids) or {}
  for at, id in ipairs(ids) do
    if string.sub(stored[at] or '', 1, #wanted) ~= wanted then
      visit(id, stored[at] or false)
    end
  end
  return 3 + 2 * #ids
end

-- The same for those without a record that have not ended. O(sessions of the pool).
function orphans.each_live(fleet, pool_number, visit)
  return orphans.each(fleet, pool_number, function(id, record)
    if not record and not aside.is_over(fleet, id) then
      visit(id)
    end
  end)
end

-- A part. Before a repair drops the sets, it restores records. O(work + sessions of a pool).
function orphans.walk(fleet, slice, cursor)
  return bit_blocks.each_pool(fleet, slice, cursor, function(pool_number)
    return slice:orphans(fleet, pool_number)
  end)
end
