-- Pool records: what decides about a pool. `pools` maps a pool id to "number letters since ttl listed deadline", and
-- `names` a pool number to the pool id.
--
-- The letters are the status, which is what the operator said (a, d, f); the liveness, which is what heartbeats say (a,
-- u, l, g; - for a pool without a lease); flags; and what follows a drain with a deadline (l for list, f for fail).
-- Flag m: the last count that the pool sent differed. Flag n: no heartbeat has come since the pool was made again.
-- `since` is the fleet time of the last change of liveness, `ttl` the lease in s, `listed` the fleet time at which the
-- pool was last asked for its list, 0 without a lease; `deadline` that of a drain in fleet time, negative once it is
-- carried out, 0 without one.

pool_records = {}

local STATUSES = { a = 'active', d = 'draining', f = 'failed' }
local LIVENESS = { a = 'alive', u = 'unconfirmed', l = 'lost', g = 'gone' }
local FOLLOWS = { l = 'list', f = 'fail' }
local EXACT = '^(%d+) ([adf])([aulg-])([mn]*)([lf]?) (%d+) (%d+) (%d+) (-?%d+)$'
local ROUGH = '^(%S*) ?(%S?)(%S?)([^%slf]*)([^%s]*) ?(%S*) ?(%S*) ?(%S*) ?(%S*)$'
pool_records.MIN_TTL, pool_records.MAX_TTL = 2e6, 3600e6 -- µs
pool_records.UNKNOWN_TTL = 60e6 -- µs, of a pool that is made again or mended, until its first heartbeat
pool_records.LONGEST_DRAIN = 7 * 86400e6 -- µs

-- The field that counts the pools with a status, or with a lease by liveness.
pool_records.COUNTED_IN = {
  active = 'pools', draining = 'draining_pools', failed = 'failed_pools', alive = 'pools_alive',
  unconfirmed = 'pools_unconfirmed', lost = 'pools_lost', gone = 'pools_gone',
}

local function lease_of(word, flags, since, ttl, listed)
  return {
    liveness = word, since = since, ttl = ttl, listed = listed,
    mismatch = string.find(flags, 'm', 1, true) ~= nil, unheard = string.find(flags, 'n', 1, true) ~= nil,
  }
end

local function drain_of(follows, deadline)
  return { deadline = math.abs(deadline), follows = follows, is_over = deadline < 0 }
end

-- Parses a record to { pool_number, status, lease = { liveness, since, ttl, listed, mismatch, unheard } or nil, drain =
-- { deadline, follows, is_over } or nil }, times in µs; nil if it is unreadable.
function pool_records.parse(text)
  local number, status, letter, flags, follows, since, ttl, listed, deadline = string.match(text or '', EXACT)
  local word = LIVENESS[letter]
  return number and {
    pool_number = tonumber(number), status = STATUSES[status],
    lease = word and lease_of(word, flags, tonumber(since), tonumber(ttl) * 1e6, tonumber(listed)),
    drain = follows ~= '' and drain_of(FOLLOWS[follows], tonumber(deadline)) or nil,
  }
end

-- A number within bounds; `default` for a text that is none.
local function salvage_number(text, default, least, most)
  return math.max(least, math.min(tonumber(string.match(text, '^%d+$')) or default, most))
end

-- What is unreadable of a lease, or cannot be at fleet time `now`, is as in one that begins now; nil without a lease.
local function salvage_lease(now, status, letter, flags, since, ttl, listed)
  local word = LIVENESS[letter]
  if not word and (letter == '-' or salvage_number(ttl, 0, 0, 1) == 0) then
    return nil
  end
  local is_known = word and not (status == 'failed' and word == 'unconfirmed')
  local length = 1e6 * salvage_number(ttl, pool_records.UNKNOWN_TTL / 1e6, pool_records.MIN_TTL / 1e6,
    pool_records.MAX_TTL / 1e6)
  return lease_of(is_known and word or 'alive', flags, salvage_number(since, now, 0, now), length,
    salvage_number(listed, now, 0, now))
end

-- What follows a deadline is "list" if that is unreadable; nil without a deadline that can be.
local function salvage_drain(now, status, follows, deadline)
  local drain = drain_of(FOLLOWS[follows] or 'list', tonumber(string.match(deadline, '^-?%d+$')) or 0)
  local may_be = status == 'draining' or status == 'failed' and drain.follows == 'fail' and not drain.is_over
  local latest = drain.is_over and now or now + pool_records.LONGEST_DRAIN
  return may_be and drain.deadline > 0 and drain.deadline <= latest and drain or nil
end

-- The same of a record that may be damaged, field by field: number and status are nil if they are unreadable.
function pool_records.salvage(text, now)
  local number, letter, word, flags, follows, since, ttl, listed, deadline = string.match(text, ROUGH)
  if not number then
    return {}
  end
  local status = STATUSES[letter]
  return {
    pool_number = tonumber(string.match(number, '^%d+$')), status = status,
    lease = salvage_lease(now, status, word, flags, since, ttl, listed),
    drain = salvage_drain(now, status, follows, deadline),
  }
end

-- Formats a record.
function pool_records.text(pool)
  local lease, drain, status = pool.lease, pool.drain, string.sub(pool.status, 1, 1)
  local follows = drain and string.sub(drain.follows, 1, 1) or ''
  local deadline = drain and (drain.is_over and -drain.deadline or drain.deadline) or 0
  if not lease then
    return string.format('%d %s-%s 0 0 0 %d', pool.pool_number, status, follows, deadline)
  end
  local mismatch, unheard = lease.mismatch and 'm' or '', lease.unheard and 'n' or ''
  return string.format('%d %s%s%s%s%s %d %d %d %d', pool.pool_number, status, string.sub(lease.liveness, 1, 1),
    mismatch, unheard, follows, lease.since, lease.ttl / 1e6, lease.listed, deadline)
end

-- Whether heartbeats of the pool have ceased for longer than its lease.
function pool_records.is_away(pool)
  local word = pool.lease and pool.lease.liveness
  return word == 'lost' or word == 'gone'
end

-- The status under which a pool is counted: active if it is in service, draining if it is active and away.
function pool_records.counted_as(pool)
  return pool.status == 'active' and pool_records.is_away(pool) and 'draining' or pool.status
end

-- Whether a pool may get sessions, and has its own in the ledger.
function pool_records.is_in_service(pool)
  return pool.status == 'active' and not pool_records.is_away(pool)
end

-- The deadline of a draining pool in fleet time, and what follows; nil without one.
function pool_records.deadline(pool)
  if pool.status == 'draining' and pool.drain then
    return pool.drain.deadline, pool.drain.follows
  end
end

-- When the drain of a pool is to be carried out; nil if it has been, and without one.
function pool_records.drain_due(pool)
  return pool.drain and not pool.drain.is_over and pool.drain.deadline or nil
end

-- A pool with this record, parsed, with pool_id, class_index, pool_index and the record as `stored`, false if there is
-- none; with pool_id and `stored` only if it is unreadable or has a number of no class.
local function open(fleet, pool_id, text)
  local pool = pool_records.parse(text) or {}
  pool.class_index, pool.pool_index = keys.locate(fleet, pool.pool_number or -1)
  if not pool.class_index then
    if text then
      state.doubt(fleet, 'the record of pool ' .. pool_id .. ' is unreadable')
    end
    return { pool_id = pool_id, stored = text }
  end
  pool.pool_id, pool.stored = pool_id, text
  return pool
end

-- The pools with these ids in order, as above. One that is named twice is the same. O(ids).
function pool_records.read(fleet, ids)
  local found, by_id = {}, {}
  for at, text in ipairs(records.read_all(keys.of_fleet(fleet, 'pools'), ids)) do
    local pool = by_id[ids[at]] or open(fleet, ids[at], text)
    found[at], by_id[ids[at]] = pool, pool
  end
  return found
end

-- A pool, as above; nil and the refusal if it does not exist or its record is unreadable.
function pool_records.find(fleet, pool_id)
  local text = redis.call('HGET', keys.of_fleet(fleet, 'pools'), pool_id)
  local pool = open(fleet, pool_id, text)
  if not pool.status then
    return nil, { text and 'DAMAGED' or 'UNKNOWN_POOL' }
  end
  return pool
end

-- Adds pools to a sorted set, scored by the present fleet time. O(pools * log pools).
function pool_records.add_by_time(fleet, key, found)
  local words = {}
  for _, pool in ipairs(found) do
    words[#words + 1] = string.format('%.0f', fleet.time)
    words[#words + 1] = pool.pool_id
  end
  write_buffer.send('ZADD', key, words)
end

-- The id of the pool with this number; false if there is none.
function pool_records.name(fleet, pool_number)
  local names = cache.list(fleet, 'pool_list')
  local name = names[pool_number]
  if not name then
    name = redis.call('HGET', keys.of_fleet(fleet, 'names'), pool_number)
    cache.add(names, pool_number, name)
  end
  return name
end

-- Wraps an operation on a pool that exists: callback(fleet, given, pool) -> reply. The function takes (fleet, given),
-- and returns {UNKNOWN_POOL} if there is no pool `given.pool_id`.
function pool_records.on_pool(callback)
  return function(fleet, given)
    local pool, refusal = pool_records.find(fleet, given.pool_id)
    return refusal or callback(fleet, given, pool)
  end
end

-- Adds to the count of the pools with a status or liveness, nil for none.
function pool_records.count(fleet, class_index, word, change)
  local field = pool_records.COUNTED_IN[word]
  if field then
    cold.load(fleet, field)
    fleet[field][class_index] = fleet[field][class_index] + change
  end
end

-- The number of pools of a class, whatever their status.
function pool_records.total(fleet, class_index)
  cold.load(fleet, 'draining_pools', 'failed_pools')
  return fleet.pools[class_index] + fleet.draining_pools[class_index] + fleet.failed_pools[class_index]
end
