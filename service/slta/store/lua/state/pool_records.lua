-- Pool records: what decides about a pool. `records` maps a pool id to "number letters since ttl listed deadline", and
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
pool_records.UNKNOWN_TTL = 60e6 -- µs, of a pool that is made again or mended, until its first heartbeat

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

-- The sorted set in which a pool has its sessions: in service, unconfirmed, or neither.
function pool_records.set_of(pool)
  if not pool_records.is_in_service(pool) then
    return 'leaving'
  end
  return pool.lease and pool.lease.liveness == 'unconfirmed' and 'quiet' or 'pools'
end

-- A pool with this record, parsed, with pool_id, class, place and the record as `stored`, false if there is none; with
-- pool_id and `stored` only if it is unreadable or has a number of no class.
local function open(fleet, pool_id, text)
  local pool = pool_records.parse(text) or {}
  local class_id, place = keys.locate(pool.pool_number or 0)
  pool.class, pool.place = fleet.tables_of.index_by_id[class_id], place
  if not pool.class then
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
  for at, text in ipairs(commands.read_all(fleet.tables_of.keys.records, ids)) do
    local pool = by_id[ids[at]] or open(fleet, ids[at], text)
    found[at], by_id[ids[at]] = pool, pool
  end
  return found
end

-- The ids of the pools with these numbers, false for one that has none. O(numbers).
function pool_records.names(fleet, numbers)
  return commands.read_all(fleet.tables_of.keys.names, numbers)
end

-- A pool, as above; nil and the refusal if it does not exist or its record is unreadable.
function pool_records.find(fleet, pool_id)
  local text = redis.call('HGET', fleet.tables_of.keys.records, pool_id)
  local pool = open(fleet, pool_id, text)
  if not pool.status then
    return nil, { text and 'DAMAGED' or 'UNKNOWN_POOL' }
  end
  return pool
end

-- The sessions on a pool. O(1).
function pool_records.occupancy(fleet, pool)
  return redis.call('SCARD', fleet.tables_of.keys.ids .. string.format('%d', pool.pool_number))
end

-- Adds pools to a sorted set, scored by the present fleet time. O(pools * log pools).
function pool_records.add_by_time(fleet, key, found)
  local words = {}
  for _, pool in ipairs(found) do
    vectors.append(words, { string.format('%.0f', fleet.time), pool.pool_id })
  end
  commands.send('ZADD', key, words)
end

-- What placements need of a pool: `pool_id`; `number`, as text; `ids`, the key of its sessions; `class`; `set`. Those
-- that were read stay in the compiled tables, by id and by number, until `shape` changes, as it does with a pool's
-- number or its set. An error if the pool has no readable record.
function pool_records.place(fleet, pool_id)
  local known = fleet.tables_of.place_of
  local place = known[pool_id]
  if not place then
    local pool = pool_records.find(fleet, pool_id) or error('pool ' .. pool_id .. ' has no record')
    local number = string.format('%d', pool.pool_number)
    place = {
      pool_id = pool_id, number = number, ids = fleet.tables_of.keys.ids .. number, class = pool.class,
      set = pool_records.set_of(pool),
    }
    known[pool_id] = place
  end
  return place
end

-- The place with a number, which is a number or a text.
function pool_records.at(fleet, number)
  local known = fleet.tables_of.place_at
  local place = known[number]
  if not place then
    local pool_id = redis.call('HGET', fleet.tables_of.keys.names, number)
    place = pool_records.place(fleet, pool_id or error('pool ' .. number .. ' has no name'))
    known[number] = place
  end
  return place
end

-- Wraps an operation on a pool that exists: callback(fleet, given, pool) -> reply. The function takes (fleet, given),
-- and returns {UNKNOWN_POOL} if there is no pool `given.pool_id`.
function pool_records.on_pool(callback)
  return function(fleet, given)
    local pool, refusal = pool_records.find(fleet, given.pool_id)
    return refusal or callback(fleet, given, pool)
  end
end
