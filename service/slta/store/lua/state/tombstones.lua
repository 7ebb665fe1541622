-- Tombstones: unknown ids that were completed. Their assign may still be in flight and must not place a session that
-- would never be completed. `early` is a sorted set of these ids, scored by the fleet time in µs at which each expires.

tombstones = {}

local RETENTION = 120e6 -- µs
local MAX_IDS = 100000 -- per fleet; beyond, those that expire first are dropped
local MAX_DROPPED = 2000 -- expired ids that one tick drops

-- Drops the `count` ids that expire first. O(count + log ids).
local function drop(fleet, count)
  if count > 0 then
    local dropped = redis.call('ZREMRANGEBYRANK', keys.of_fleet(fleet, 'early'), 0, count - 1)
    fleet.early_completes = fleet.early_completes - dropped
  end
end

-- Whether an id was completed before its assign within the last 120 s. O(log ids).
function tombstones.contains(fleet, id)
  local ends_at = redis.call('ZSCORE', keys.of_fleet(fleet, 'early'), id)
  return ends_at and tonumber(ends_at) > fleet.time
end

-- Adds an id, unless the server's memory is full. O(log ids).
function tombstones.add(fleet, id)
  if not fleet.memory_full then
    local ends_at = string.format('%d', fleet.time + RETENTION)
    fleet.early_completes = fleet.early_completes + redis.call('ZADD', keys.of_fleet(fleet, 'early'), ends_at, id)
    fleet.revision = fleet.revision + 1
    drop(fleet, fleet.early_completes - MAX_IDS)
  end
end

-- Drops expired ids, at most MAX_DROPPED. O(MAX_DROPPED + log ids).
function tombstones.drop_expired(fleet)
  if fleet.early_completes > 0 then
    local over = redis.call('ZCOUNT', keys.of_fleet(fleet, 'early'), '-inf', string.format('%d', fleet.time))
    drop(fleet, math.min(over, MAX_DROPPED))
  end
end
