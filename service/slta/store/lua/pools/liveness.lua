-- Liveness of pools: whether a pool that sends heartbeats still does. A pool without a lease has none of this, and a
-- fleet without leases none of these keys.
--
-- `pool_leases` maps a pool id to "ttl liveness since listed flags": the lease in µs, its letter of WORDS, the fleet
-- time of its last change, the fleet time at which the pool was last asked for its list, and flags or "-". Flag o: the
-- pool's status is active but its record says draining, since it is lost or gone. Flag m: the last count that the pool
-- sent differed. Flag n: no heartbeat has come since the pool was made again. `pool_timers` has by pool id the fleet
-- time in µs of the next change of its liveness. `pool_liveness` maps a class id to the numbers of NUMBERS. `pool_due`
-- is a lower bound of all timers, 0 for a fleet without leases.

liveness = {}

local WORDS = { a = 'alive', u = 'unconfirmed', l = 'lost', g = 'gone' }
-- Of each class: active pools with a lease, and unconfirmed ones that drain, by liveness; of its guard (see `guards`)
-- whether it is on, how many pools became unconfirmed, how many of those were heard, and the longest of their leases;
-- and all leases.
local NUMBERS = {
  'alive', 'unconfirmed', 'lost', 'gone', 'guard', 'became_unconfirmed', 'heard', 'ttl', 'leases',
}
liveness.OFF, liveness.ON, liveness.OVER = 0, 1, 2 -- of a guard
local SHOWN = 5 -- of them in snapshots
liveness.MIN_TTL, liveness.MAX_TTL = 2e6, 3600e6 -- µs
liveness.GRACE = 1.25 -- leases from a heartbeat until its pool is lost
local IDLE = 3600e6 -- µs until `pool_due` of a fleet without timers

-- Whether any pool of the fleet has a lease.
function liveness.exists(fleet)
  return fleet.pool_due > 0
end

-- Parses a lease to a table; nil if there is none, or if it is unreadable.
function liveness.parse(text)
  local ttl, letter, since, listed, flags = string.match(text or '', '^(%d+) ([aulg]) (%d+) (%d+) ([omn-]+)$')
  return ttl and {
    ttl = tonumber(ttl), liveness = WORDS[letter], since = tonumber(since), listed = tonumber(listed),
    is_out_of_service = string.find(flags, 'o') ~= nil, mismatch = string.find(flags, 'm') ~= nil,
    unheard = string.find(flags, 'n') ~= nil,
  }
end

-- Formats a lease.
function liveness.text(lease)
  local out, mismatch = lease.is_out_of_service and 'o' or '', lease.mismatch and 'm' or ''
  local flags, letter = out .. mismatch .. (lease.unheard and 'n' or ''), string.sub(lease.liveness, 1, 1)
  return string.format('%d %s %d %d %s', lease.ttl, letter, lease.since, lease.listed, flags == '' and '-' or flags)
end

-- Sets the lease, the operator's `status` and the `effective_status` of pools with pool_id and, as `status`, that of
-- their record, which is the effective one: draining for an active pool that is lost or gone. O(pools).
function liveness.attach(fleet, found)
  local ids = {}
  for at, pool in ipairs(found) do
    ids[at], pool.effective_status = pool.pool_id, pool.status
  end
  local texts = liveness.exists(fleet) and records.read_all(keys.of_fleet(fleet, 'pool_leases'), ids) or {}
  for at, pool in ipairs(found) do
    pool.lease = liveness.parse(texts[at])
    local is_active = pool.lease and pool.lease.is_out_of_service and pool.effective_status == 'draining'
    pool.status = is_active and 'active' or pool.effective_status
  end
  return found
end

-- The pools with these ids in order, as `attach` returns them: { pool_id, pool_number, class_index, status,
-- effective_status, lease }; those that do not exist have an id only. O(ids).
function liveness.read(fleet, ids)
  local found, stored = {}, records.read_all(keys.of_fleet(fleet, 'pools'), ids)
  for at, pool_id in ipairs(ids) do
    local number, status = string.match(stored[at] or '', '^(%d+) (%a+)$')
    local pool_number = tonumber(number)
    local class_index = number and keys.locate(fleet, pool_number)
    found[at] = { pool_id = pool_id, pool_number = pool_number, class_index = class_index, status = status }
  end
  return liveness.attach(fleet, found)
end

-- The operator's status of a pool with this effective status, and its liveness. O(1).
function liveness.describe(fleet, pool_id, effective_status)
  local pool = { pool_id = pool_id, status = effective_status }
  liveness.attach(fleet, { pool })
  return pool.status, pool.lease and pool.lease.liveness or 'alive'
end

-- Counts of a class, which `liveness.write` writes back.
function liveness.of_class(fleet, class_index)
  fleet.liveness = fleet.liveness or {}
  local counts = fleet.liveness[class_index]
  if not counts then
    local class_id = string.format('%d', fleet.numbers[class_index])
    local text = redis.call('HGET', keys.of_fleet(fleet, 'pool_liveness'), class_id)
    local numbers = vectors.split(text or '', true)
    counts = { is_stored = text ~= false }
    for at, name in ipairs(NUMBERS) do
      counts[name] = numbers[at] or 0
    end
    fleet.liveness[class_index] = counts
  end
  return counts
end

-- Writes the counts of classes that were loaded, and forgets them. O(classes).
function liveness.write(fleet)
  local words = {}
  for class_index, counts in pairs(fleet.liveness or {}) do
    local numbers = {}
    for at, name in ipairs(NUMBERS) do
      numbers[at] = counts[name]
    end
    words[#words + 1] = string.format('%d', fleet.numbers[class_index])
    words[#words + 1] = vectors.encode(numbers)
  end
  if words[1] then
    redis.call('HSET', keys.of_fleet(fleet, 'pool_liveness'), unpack(words))
  end
  fleet.liveness = false
end

-- The first SHOWN numbers of each class in order, a text; '' for a fleet without leases. O(classes).
function liveness.list(fleet)
  local texts = {}
  for class_index = 1, liveness.exists(fleet) and #fleet.numbers or 0 do
    local counts = liveness.of_class(fleet, class_index)
    for at = 1, SHOWN do
      texts[#texts + 1] = vectors.encode(counts[NUMBERS[at]])
    end
  end
  fleet.liveness = false
  return table.concat(texts, ' ')
end

-- Counts an active pool under another liveness, or a lease of any as `leases`; false or nil for none.
function liveness.count(fleet, class_index, from, to)
  local counts = liveness.of_class(fleet, class_index)
  if from then
    counts[from] = counts[from] - 1
  end
  if to then
    counts[to] = counts[to] + 1
  end
end

-- The liveness under which a pool of that operator's status is counted: an active one, and any unconfirmed one.
function liveness.counted_as(status, of_lease)
  return (status == 'active' or of_lease == 'unconfirmed') and of_lease
end

-- Counts a pool, from `attach` with a lease, under another status and liveness.
function liveness.recount(fleet, pool, status, of_lease)
  local from = liveness.counted_as(pool.status, pool.lease.liveness)
  liveness.count(fleet, pool.class_index, from, liveness.counted_as(status, of_lease))
end

-- Writes the leases of pools. O(pools).
function liveness.store(fleet, found)
  local words = {}
  for _, pool in ipairs(found) do
    words[#words + 1] = pool.pool_id
    words[#words + 1] = liveness.text(pool.lease)
  end
  write_buffer.send('HSET', keys.of_fleet(fleet, 'pool_leases'), words)
end

-- Sets the timers of pools to their `due`; nil removes one. O(pools * log pools).
function liveness.set_timers(fleet, found)
  local added, removed = {}, {}
  for _, pool in ipairs(found) do
    if pool.due then
      added[#added + 1] = string.format('%.0f', pool.due)
      added[#added + 1] = pool.pool_id
      fleet.pool_due = fleet.pool_due > 0 and math.min(fleet.pool_due, pool.due) or pool.due
    else
      removed[#removed + 1] = pool.pool_id
    end
  end
  write_buffer.send('ZADD', keys.of_fleet(fleet, 'pool_timers'), added)
  write_buffer.send('ZREM', keys.of_fleet(fleet, 'pool_timers'), removed)
end

-- Adds pools to a sorted set, scored by the present fleet time. O(pools * log pools).
function liveness.add_by_time(fleet, key, found)
  local words = {}
  for _, pool in ipairs(found) do
    words[#words + 1] = string.format('%.0f', fleet.time)
    words[#words + 1] = pool.pool_id
  end
  write_buffer.send('ZADD', key, words)
end

-- When a pool that is lost now is gone.
function liveness.gone_after(fleet)
  cold.load(fleet, 'gone')
  return fleet.time + fleet.gone
end

-- When a lease that begins now runs out.
function liveness.due_after(fleet, lease)
  return fleet.time + liveness.GRACE * lease.ttl
end

-- The time of the first timer; nil without timers.
function liveness.first_due(fleet)
  return tonumber(redis.call('ZRANGE', keys.of_fleet(fleet, 'pool_timers'), 0, 0, 'WITHSCORES')[2])
end

-- Sets `pool_due` to the first timer. O(log pools).
function liveness.find_due(fleet)
  local has_leases = redis.call('EXISTS', keys.of_fleet(fleet, 'pool_leases')) == 1
  fleet.pool_due = liveness.first_due(fleet) or has_leases and fleet.time + IDLE or 0
end
