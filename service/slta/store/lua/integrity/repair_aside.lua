-- Records set aside by repairs, and put back by later ones: {fleet}:aside, whose fields are "session <id>", "pool <id>"
-- and "key <name>".

repair_aside = {}

-- The hash and field to which an entry can be put back; nil if it is unreadable, has an unknown class, has ended, or if
-- its name is in use.
local function place_of(fleet, what, record)
  local kind, id = string.match(what, '^(%a+) (.+)$')
  local session = kind == 'session' and records.parse(record)
  local is_usable = session and keys.locate(fleet, session.pool_number) and not aside.is_over(fleet, id)
  if is_usable or kind == 'pool' and stored_pools.salvage(fleet, id, record).pool_number then
    local key = keys.of_fleet(fleet, kind .. 's')
    return not redis.pcall('HGET', key, id) and key, id
  end
end

-- Calls visit(what, record, key, field) for some entries that can be put back; returns the next cursor. O(work).
function repair_aside.each(fleet, job, cursor, visit)
  return slices.each_field(fleet, 'aside', job, cursor, function(what, record)
    local key, field = place_of(fleet, what, record)
    if key then
      visit(what, record, key, field)
    end
  end)
end

-- The record of a session or pool without the number of its type: that may be another type's by now.
local function without_type(job, record)
  local stripped, count = string.gsub(record, ' t%d+$', '')
  job.without_type = (job.without_type or 0) + count
  return stripped
end

-- A repair's stage: puts back some entries if requested, sessions as `default`. O(work).
function repair_aside.put_back(fleet, job, cursor)
  if job.put_back ~= '1' then
    return nil
  end
  return repair_aside.each(fleet, job, cursor, function(what, record, key, field)
    redis.call('HSET', key, field, without_type(job, record))
    redis.call('HDEL', keys.of_fleet(fleet, 'aside'), what)
  end)
end
