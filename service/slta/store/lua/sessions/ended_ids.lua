-- Ended ids: `ended:0` and `ended:1` map them to "reason pool_id" in two generations, of which the older one is dropped
-- as a whole. `early` has tombstones, ids that were completed before they were assigned, see `expiring_ids`.

ended_ids = {}

local MIN_RETENTION = 120e6 -- µs, longer than the replay log of a dispatcher
local TOMBSTONE = 120e6 -- µs

local function key_of(fleet, generation)
  return fleet.tables_of.keys[generation == 0 and 'ended:0' or 'ended:1']
end

-- Reads whether these ids have ended.
function ended_ids.prefetch(fleet, ids)
  records.prefetch(key_of(fleet, fleet.ended_generation), ids)
  if fleet.older_ended > 0 then
    records.prefetch(key_of(fleet, 1 - fleet.ended_generation), ids)
  end
end

-- {ENDED, reason, pool_id} and the pool_id of an id that has ended; nil for another one.
function ended_ids.find(fleet, id)
  local record = records.get(key_of(fleet, fleet.ended_generation), id)
    or fleet.older_ended > 0 and records.get(key_of(fleet, 1 - fleet.ended_generation), id)
  if record then
    local reason, pool_id = string.match(record, '^(%S+) (%S*)$')
    return { 'ENDED', reason or 'completed', pool_id or '' }, pool_id or ''
  elseif fleet.early > 0 and expiring_ids.contains(fleet, 'early', id) then
    return { 'ENDED', 'completed_before_assign', '' }, ''
  end
end

-- Adds an id, which is kept for the retention time, but at least MIN_RETENTION.
function ended_ids.add(fleet, id, reason, pool_id)
  state.touch(fleet)
  records.set(key_of(fleet, fleet.ended_generation), id, reason .. ' ' .. pool_id)
end

-- Leaves a tombstone of an unknown id. O(log ids).
function ended_ids.add_tombstone(fleet, id)
  state.touch(fleet)
  expiring_ids.add(fleet, 'early', id, TOMBSTONE)
end

-- Drops the older generation once the younger one has reached the retention time. O(1).
function ended_ids.rotate(fleet)
  if fleet.time - fleet.ended_since >= math.max(fleet.tables_of.retention, MIN_RETENTION) then
    fleet.older_ended = redis.call('HLEN', key_of(fleet, fleet.ended_generation))
    fleet.ended_generation = 1 - fleet.ended_generation
    fleet.ended_since = fleet.time
    redis.call('UNLINK', key_of(fleet, fleet.ended_generation))
  end
end
