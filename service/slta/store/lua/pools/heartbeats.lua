-- Heartbeats of pools. Each renews the lease of its pool, or begins it. A call has many, and sends few commands.

heartbeats = {}

local LIST_PERIOD = 540e6 -- µs after which a pool that counts its sessions is asked for its list
local SPREAD = 61 -- seconds between the first requests to pools with successive numbers

-- The pools of a call as `liveness.read` returns them, with ttl and count. O(pools).
local function read(fleet, given)
  local found = liveness.read(fleet, given.ids)
  for at, pool in ipairs(found) do
    pool.ttl, pool.count = given.ttls[at] * 1e6, tonumber(given.counts[at])
  end
  return found
end

-- A new lease. The first request for a list comes at another time for each pool.
local function begin(fleet, pool)
  local first_listed = fleet.time - pool.pool_number * SPREAD % (LIST_PERIOD / 1e6) * 1e6
  pool.lease = { ttl = pool.ttl, liveness = 'alive', since = fleet.time, listed = math.max(0, first_listed) }
  fleet.revision = fleet.revision + 1
  liveness.count(fleet, pool.class_index, nil, 'leases')
  if pool.status == 'active' then
    liveness.count(fleet, pool.class_index, nil, 'alive')
  end
end

-- Compares the pool's count with the store's; returns whether it is to send its list: after a second difference in a
-- row, or LIST_PERIOD after the last request.
local function wants_list(fleet, pool)
  local lease = pool.lease
  local differs = pool.count ~= ledger.occupancy(fleet, pool.pool_number)
  local wanted = differs and lease.mismatch or fleet.time - lease.listed >= LIST_PERIOD
  pool.changed = pool.changed or wanted or differs ~= lease.mismatch
  lease.mismatch = differs and not wanted
  lease.listed = wanted and fleet.time or lease.listed
  return wanted
end

-- The pool is alive, whatever it was before; returns its outcome.
local function revive(fleet, pool)
  local lease = pool.lease
  if not lease then
    begin(fleet, pool)
    pool.changed = true
    return 'n'
  end
  pool.changed = lease.ttl ~= pool.ttl or lease.liveness ~= 'alive' or lease.unheard
  local was_away = lease.liveness == 'lost' or lease.liveness == 'gone'
  lease.ttl, lease.unheard = pool.ttl, false
  if lease.liveness ~= 'alive' then
    transitions.set_liveness(fleet, pool, 'alive')
  end
  pool.returns = lease.is_out_of_service and pool.effective_status == 'draining'
  lease.is_out_of_service = false
  return was_away and 'b' or 'o'
end

-- The outcome of one heartbeat, and '1' if the pool is to send its list, else '0'.
local function beat(fleet, pool)
  if not pool.effective_status then
    return 'u', '0'
  elseif pool.effective_status == 'failed' then
    return 'f', '0'
  end
  local outcome = revive(fleet, pool)
  pool.due = liveness.due_after(fleet, pool.lease)
  return outcome, pool.count and wants_list(fleet, pool) and '1' or '0'
end

-- The pools for which predicate(pool) is true.
local function select_pools(found, predicate)
  local selected = {}
  for _, pool in ipairs(found) do
    selected[#selected + 1] = predicate(pool) and pool or nil
  end
  return selected
end

-- Writes what the heartbeats changed; returns whether the earliest timer did.
local function write(fleet, found)
  local due = fleet.pool_due
  liveness.store(fleet, select_pools(found, function(pool) return pool.changed end))
  liveness.set_timers(fleet, select_pools(found, function(pool) return pool.due end))
  transitions.set_in_service(fleet, select_pools(found, function(pool) return pool.returns end), 'active')
  return due ~= fleet.pool_due
end

-- Sets the attributes of pools: position in `found`, address and labels, as `attributes.set` takes them.
local function set_attributes(fleet, found, given)
  for _, row in ipairs(given) do
    local pool = found[tonumber(row.position)]
    if pool.due then
      attributes.set(fleet, pool.pool_id, row.address, row.labels)
    end
  end
end

-- ids, their leases in seconds (ttls), the numbers of sessions that they count ('-' for none); attributes: position,
-- address and labels of those that send some
--   -> {BEATS, as_of, a letter for each pool (o for ok, n for its first, b for lost before, u for unknown, f for
--   failed), '1' or '0' for each pool that is to send its list}, and whether the state changed. O(pools * log pools).
function heartbeats.run(fleet, given)
  local revision, found = fleet.revision, read(fleet, given)
  cold.load(fleet, 'store_epoch', 'resumed_at')
  local outcomes, lists = {}, {}
  for at, pool in ipairs(found) do
    outcomes[at], lists[at] = beat(fleet, pool)
  end
  -- writes
  local changed = write(fleet, found)
  set_attributes(fleet, found, given.attributes)
  changed = changed or revision ~= fleet.revision or fleet.liveness ~= false
  local as_of = string.format('%d:%d', fleet.store_epoch, fleet.time)
  return { 'BEATS', as_of, table.concat(outcomes), table.concat(lists) }, changed
end
