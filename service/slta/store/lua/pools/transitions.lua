-- Transitions of a pool's record: what follows from the record, an event and fleet time `now`. They read and write
-- nothing but the record, and what they leave for `pool_changes.apply`: `changed`, whether the record has, and the
-- timers of lease and drain, `due` and `drain_due`: false for none, nil to keep one.

transitions = {}

transitions.GRACE = 1.25 -- leases from a heartbeat until its pool is lost

local function set_liveness(pool, word, now)
  pool.lease.liveness, pool.lease.since, pool.changed = word, now, true
end

-- When a lease that begins or is renewed now runs out.
local function end_of(lease, now)
  return now + transitions.GRACE * lease.ttl
end

-- A heartbeat with a lease of `ttl`; a first one begins it, as if the pool had sent its list at `listed`. Returns its
-- outcome: o for ok, n for the first, b for lost before, u for unknown, d for unreadable, f for failed.
function transitions.beat(pool, ttl, listed, now)
  local lease, was_away = pool.lease, pool_records.is_away(pool)
  if not pool.status or pool.status == 'failed' then
    return pool.status and 'f' or pool.stored and 'd' or 'u'
  elseif not lease then
    transitions.begin_lease(pool, { ttl = ttl, listed = listed }, 0, now)
    return 'n'
  end
  pool.changed = pool.changed or lease.ttl ~= ttl or lease.unheard
  lease.ttl, lease.unheard = ttl, false
  if lease.liveness ~= 'alive' then
    set_liveness(pool, 'alive', now)
  end
  pool.due = end_of(lease, now)
  return was_away and 'b' or 'o'
end

-- The lease of a pool has run out. It is gone `gone` µs later.
function transitions.lose(pool, gone, now)
  set_liveness(pool, 'lost', now)
  pool.due = now + gone
end

-- The same while the guard of the class is on.
function transitions.mark_unconfirmed(pool, now)
  set_liveness(pool, 'unconfirmed', now)
  pool.due = false
end

-- A lost pool is gone.
function transitions.mark_gone(pool, now)
  set_liveness(pool, 'gone', now)
end

-- Gives a pool without a lease one of the same length as `lease`, that begins now. It is alive, but lost until it is
-- heard or undrained if it was not heard before.
function transitions.begin_lease(pool, lease, gone, now)
  local is_lost = lease.unheard or false
  pool.lease = {
    ttl = lease.ttl, liveness = is_lost and 'lost' or 'alive', since = now, listed = lease.listed, unheard = is_lost,
  }
  pool.changed = true
  pool.due = pool.status ~= 'failed' and (is_lost and now + gone or end_of(lease, now))
end

-- Whether a pool has the status already. An active one that was not heard since it was made again is to serve.
function transitions.has_status(pool, status)
  return pool.status == status and not (status == 'active' and pool.lease and pool.lease.unheard)
end

-- Gives a pool a drain, "µs from now, what follows", or none with ''.
local function set_drain(pool, drain, now)
  local duration, follows = string.match(drain, '^(%d+) (%a+)$')
  if pool.drain or duration then
    pool.drain = duration and { deadline = now + tonumber(duration), follows = follows } or nil
    pool.changed, pool.drain_due = true, duration and pool.drain.deadline or false
  end
end

-- A pool fails: its lease waits until it returns.
local function fail(pool, now)
  pool.status, pool.changed = 'failed', true
  if pool.lease then
    pool.due = false
    if pool.lease.liveness == 'unconfirmed' then
      set_liveness(pool, 'lost', now)
    end
  end
end

-- The lease of a failed pool that returns.
local function return_lease(pool, is_guarded, now)
  if is_guarded then
    transitions.mark_unconfirmed(pool, now)
  else
    set_liveness(pool, 'alive', now)
    pool.due = end_of(pool.lease, now)
  end
end

-- An unconfirmed pool is so in service only: one that drains is lost, and unconfirmed again if it returns to service
-- while the guard is on.
local function change_service(pool, is_guarded, gone, now)
  if pool.status == 'draining' and pool.lease.liveness == 'unconfirmed' then
    transitions.lose(pool, gone, now)
  elseif pool.status == 'active' and pool.lease.liveness == 'lost' and is_guarded then
    transitions.mark_unconfirmed(pool, now)
  end
end

-- An operator gives a pool a status, and with draining perhaps a drain as above. A failed one that returns is alive for
-- a lease, or unconfirmed if the guard of its class is on; one that was not heard since it was made again serves
-- without a lease. A lost one is gone `gone` µs later.
function transitions.set_status(pool, status, drain, is_guarded, gone, now)
  set_drain(pool, status == 'draining' and drain or '', now)
  if transitions.has_status(pool, status) then
    return
  elseif status == 'failed' then
    fail(pool, now)
    return
  end
  local was_failed = pool.status == 'failed'
  pool.status, pool.changed = status, true
  if pool.lease and pool.lease.unheard and status == 'active' then
    pool.lease, pool.due = nil, false
  elseif pool.lease and was_failed then
    return_lease(pool, is_guarded and status == 'active', now)
  elseif pool.lease then
    change_service(pool, is_guarded, gone, now)
  end
end

-- The deadline of a drain has passed: a pool with sessions may fail, and keeps the drain until these have ended.
function transitions.end_drain(pool, occupancy, now)
  if pool.drain.follows == 'fail' and occupancy > 0 then
    fail(pool, now)
  else
    pool.drain.is_over, pool.changed = true, true
  end
end

-- The sessions of a pool that failed by its drain have ended.
function transitions.clear_drain(pool)
  set_drain(pool, '')
end

-- The record of a pool that is removed; its lease and its drain are left for one that goes on elsewhere.
function transitions.remove(pool)
  pool.changed, pool.removed = true, true
  pool.due, pool.drain_due = pool.lease and false, pool.drain and false
end
