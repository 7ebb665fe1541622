-- Completes of ids that nobody knows: the assign of such an id may still be under way, and must not place a session
-- that nobody will end. `early` is a sorted set of these ids, each by the fleet time in µs at which it is forgotten.

early = {}

local KEPT = 120e6 -- µs
local MOST = 100000 -- ids of a fleet; beyond, those that would be forgotten first make room
local DROPPED = 2000 -- ids that one tick drops

local function key(fleet)
  return keys.of_fleet(fleet, 'early')
end

-- Drops the first `count`. O(count + log ids).
local function drop(fleet, count)
  if count > 0 then
    fleet.early_completes = fleet.early_completes - redis.call('ZREMRANGEBYRANK', key(fleet), 0, count - 1)
  end
end

-- Whether an id was completed before it was assigned, and within the last 120 s. O(log ids), O(1) where there are none.
function early.knows(fleet, id)
  local forgotten = fleet.early_completes > 0 and redis.call('ZSCORE', key(fleet), id)
  return forgotten and tonumber(forgotten) > fleet.time
end

-- Remembers an id, unless the server's memory is full. O(log ids).
function early.remember(fleet, id)
  if not fleet.memory_full then
    local forgotten = string.format('%d', fleet.time + KEPT)
    fleet.early_completes = fleet.early_completes + redis.call('ZADD', key(fleet), forgotten, id)
    fleet.revision = fleet.revision + 1
    drop(fleet, fleet.early_completes - MOST)
  end
end

-- Drops ids that are forgotten, DROPPED at most. O(DROPPED + log ids).
function early.forget(fleet)
  if fleet.early_completes > 0 then
    local over = redis.call('ZCOUNT', key(fleet), '-inf', string.format('%d', fleet.time))
    drop(fleet, math.min(over, DROPPED))
  end
end
