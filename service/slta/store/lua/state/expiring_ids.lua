-- Sets of expiring ids: sorted sets, scored by the fleet time in µs at which an id expires. The field of a set's name
-- is the number of its ids, expired ones included until they are dropped.
--
-- `early` has the tombstones: unknown ids that were completed. Their assign may still be in flight and must not place a
-- session that would never be completed. `refused` has ids that count as refused, see `refused_ids`.

expiring_ids = {}

local SETS = { 'early', 'refused' }
local MAX_IDS = 100000 -- per set; beyond, those that expire first are dropped
local MAX_DROPPED = 2000 -- expired ids of a set that one tick drops

-- Drops the `count` ids that expire first. O(count + log ids).
local function drop(fleet, name, count)
  if count > 0 then
    fleet[name] = fleet[name] - redis.call('ZREMRANGEBYRANK', fleet.tables_of.keys[name], 0, count - 1)
  end
end

-- Whether a set has an id that has not expired. O(log ids).
function expiring_ids.contains(fleet, name, id)
  local ends_at = redis.call('ZSCORE', fleet.tables_of.keys[name], id)
  return ends_at and tonumber(ends_at) > fleet.time
end

-- Adds an id for `duration` µs, unless the server's memory is full. O(log ids).
function expiring_ids.add(fleet, name, id, duration)
  if not fleet.memory_full then
    local ends_at = string.format('%d', fleet.time + duration)
    fleet[name] = fleet[name] + redis.call('ZADD', fleet.tables_of.keys[name], ends_at, id)
    drop(fleet, name, fleet[name] - MAX_IDS)
  end
end

-- Removes an id; returns whether it was there and had not expired. O(log ids).
function expiring_ids.remove(fleet, name, id)
  local is_there = expiring_ids.contains(fleet, name, id)
  if is_there then
    fleet[name] = fleet[name] - redis.call('ZREM', fleet.tables_of.keys[name], id)
  end
  return is_there
end

-- Drops expired ids, at most MAX_DROPPED of each set. O(MAX_DROPPED + log ids).
function expiring_ids.drop_expired(fleet)
  for _, name in ipairs(SETS) do
    if fleet[name] > 0 then
      local over = redis.call('ZCOUNT', fleet.tables_of.keys[name], '-inf', string.format('%d', fleet.time))
      drop(fleet, name, math.min(over, MAX_DROPPED))
    end
  end
end
