-- Records set aside by repairs for inspection: {fleet}:aside, whose fields are "session <id>", "pool <id>",
-- "key <name>" and those of pools' attributes, and mended records of pools.

aside = {}

-- Sets an unusable record aside for inspection.
function aside.set(fleet, what, record)
  redis.call('HSET', keys.of_fleet(fleet, 'aside'), what, record)
end

-- Sets the record of a pool or session aside, and deletes it.
function aside.remove(fleet, kind, id, record)
  aside.set(fleet, kind .. ' ' .. id, record)
  redis.call('HDEL', keys.of_fleet(fleet, kind .. 's'), id)
end

-- Whether a session has ended or was completed while unknown.
function aside.is_over(fleet, id)
  for generation = 0, 1 do
    if type(redis.pcall('HGET', keys.of_ended(fleet, generation), id)) == 'string' then
      return true
    end
  end
  return type(redis.pcall('ZSCORE', keys.of_fleet(fleet, 'early'), id)) == 'string'
end
