-- What a repair writes: the functions of `walk` for its slices.

repair_writes = {}

local WRITE = { is_repair = true }
local TYPE = ' t%d+$' -- the last word of the record of a session with a type

-- A slice that writes, as from `slices.new`.
function repair_writes.slice(work, fields)
  return slices.new(WRITE, work, fields)
end

-- A part of repairs, before the pools: forgets all that follows from their records, to be rebuilt from these. What
-- guards remember is lost, and which ids were refused.
function repair_writes.forget(fleet)
  for _, name in ipairs({ 'names', 'timers', 'refused' }) do
    redis.call('UNLINK', keys.of_fleet(fleet, name))
  end
  for class_index = 1, #fleet.numbers do
    for _, name in ipairs({ 'used', 'active', 'unconfirmed', 'lost' }) do
      redis.call('UNLINK', keys.of_class(fleet, name, class_index))
    end
  end
  for _, field in ipairs({ 'draining_pools', 'failed_pools', 'draining_sessions', unpack(liveness.FIELDS) }) do
    fleet[field] = vectors.zeros(fleet.classes)
  end
  fleet.unconfirmed, fleet.pool_due = 0, 0
  type_counts.reset(fleet)
end

function WRITE.record(job, fleet, kind, id, text, normal)
  if not normal then
    aside.remove(fleet, kind, id, text)
  elseif normal ~= text then
    local is_lost = kind == 'session' and string.find(text, TYPE) and not string.find(normal, TYPE)
    job.without_type = (job.without_type or 0) + (is_lost and 1 or 0)
    redis.call('HSET', keys.of_fleet(fleet, kind .. 's'), id, normal)
    if kind == 'pool' then
      aside.set(fleet, 'record ' .. id, text)
    end
  end
end

-- A pool's number becomes that of its name, and its status that of its bit, if they are unreadable or disagree.
function WRITE.named(_, fleet, pool, pool_number)
  local stored = pool.pool_number
  local is_own = stored and (stored == pool_number or records.pool_name(fleet, stored) == pool.pool_id)
  if not is_own or not pool.status then
    local by_bit = stored_pools.bit(fleet, 'active', pool_number) == 1 and 'active' or 'draining'
    pool.pool_number, pool.status = is_own and stored or pool_number, pool.status or by_bit
    stored_pools.set(fleet, pool)
  end
end

-- With its number or a free one of its class, else the record is set aside.
function WRITE.place(_, fleet, pool)
  local record = pool_records.text(pool)
  pool.pool_number = stored_pools.number_for(fleet, pool.pool_id, pool.pool_number)
  if pool.pool_number then
    stored_pools.set(fleet, pool)
  else
    aside.remove(fleet, 'pool', pool.pool_id, record)
  end
  return pool.pool_number
end

function WRITE.timer(_, fleet, member, due)
  if due then
    timers.set(fleet, { { pool_id = member, due = due } })
  end
end

function WRITE.bits(_, key, block, bits)
  bit_blocks.write(key, block, bits)
end

function WRITE.count(_, fleet, pool, occupancy)
  local is_in_service, class_index = pool_records.is_in_service(pool), pool.class_index
  liveness.recount(fleet, class_index, {}, pool)
  if pool.lease and pool.lease.liveness == 'unconfirmed' then
    fleet.unconfirmed = fleet.unconfirmed + 1
    guards.resume(fleet, pool)
  end
  if fleet.kinds > 0 then
    type_counts.add_pool(fleet, pool.pool_number, is_in_service)
  end
  if not is_in_service then
    pool_records.count(fleet, class_index, pool_records.counted_as(pool), 1)
    fleet.draining_sessions[class_index] = fleet.draining_sessions[class_index] + occupancy
  end
end

function WRITE.counted() end

-- The pool is created again, draining.
function WRITE.make_pool(job, fleet, _, session)
  return job:place(fleet, { pool_id = session.pool_id, pool_number = session.pool_number, status = 'draining' })
end

-- Sessions without a record begin now, with a full lease of the fleet, if the pool has a name.
function WRITE.orphans(_, fleet, pool_number)
  local pool_id = records.pool_name(fleet, pool_number)
  return orphans.each_live(fleet, pool_number, function(id)
    local session = {
      pool_number = pool_number, start = fleet.time, lease = fleet.lease, due = 0, pool_id = pool_id, placed = '',
    }
    if pool_id then
      redis.call('HSET', keys.of_fleet(fleet, 'sessions'), id, records.text(session))
    end
  end)
end

function WRITE.member(_, key, id)
  redis.call('SADD', key, id)
end

function WRITE.over(_, fleet, id, name)
  aside.delete(fleet, name, id)
end

function WRITE.at_most(_, fleet, field, latest)
  fleet[field] = math.min(fleet[field] or 0, latest)
end

function WRITE.wrong(_, _, mend)
  mend()
end

function WRITE.number(_, fleet, field, value)
  fleet[field] = value
end

function WRITE.text(_, key, value)
  redis.call('SET', key, value)
end

-- Keys that a repair rebuilds are deleted, others only if it was requested.
function WRITE.key(job, fleet, name, key, kind)
  local wanted, pool_number = stored_keys.normalize(fleet, name), string.match(name, '^ids:(%d+)$')
  if pool_number and not wanted then
    orphans.each_live(fleet, pool_number, function(id)
      aside.set(fleet, 'session ' .. id, 'of pool number ' .. pool_number)
    end)
  end
  if stored_keys.is_derived(name) or wanted and wanted ~= kind then
    redis.call('UNLINK', key)
  elseif not wanted and job.asked == '1' then
    aside.set(fleet, 'key ' .. name, 'was a stray ' .. kind)
    redis.call('UNLINK', key)
  else
    redis.call('PERSIST', key)
  end
end

-- If requested. The number of a session's type may be another type's by now: it becomes `default`.
function WRITE.back(job, fleet, what, record, key, field)
  if job.put_back == '1' then
    local stripped, count = string.gsub(record, TYPE, '')
    job.without_type = (job.without_type or 0) + count
    redis.call('HSET', key, field, stripped)
    redis.call('HDEL', keys.of_fleet(fleet, 'aside'), what)
  end
end
