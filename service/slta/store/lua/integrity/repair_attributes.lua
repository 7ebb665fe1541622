-- A repair's stages on pools' attributes, after their records: sets aside those that are unreadable or of no pool.

repair_attributes = {}

-- The stage of one hash, `addresses` or `labels`. O(work).
function repair_attributes.drop(hash)
  return function(fleet, job, cursor)
    if redis.call('EXISTS', keys.of_fleet(fleet, hash)) == 1 then
      fleet.attribute_list = cache.next_version(fleet.attribute_list)
    end
    return slices.each_field(fleet, hash, job, cursor, function(pool_id, value)
      if attributes.fault(fleet, hash, pool_id, value) then
        aside.set(fleet, hash .. ' ' .. pool_id, value)
        redis.call('HDEL', keys.of_fleet(fleet, hash), pool_id)
      end
    end)
  end
end
