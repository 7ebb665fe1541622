-- Heartbeats of pools. Each renews the lease of its pool, or begins it. A call has many, and sends few commands.

heartbeats = {}

local LIST_PERIOD = 540e6 -- µs after which a pool that counts its sessions is asked for its list
local FAULT = '?'
local REFUSED = 'x' -- the quality of a pool whose heartbeat was, or that met an error
local SPREAD = 61 -- seconds between the first requests to pools with successive numbers

-- When a pool is taken to have sent its first list: the first request comes at another time for each pool.
local function first_listed(fleet, pool)
  return math.max(0, fleet.time - pool.pool_number * SPREAD % (LIST_PERIOD / 1e6) * 1e6)
end

-- Compares the pool's count with the store's; returns whether it is to send its list: after a second difference in a
-- row, or LIST_PERIOD after the last request.
local function wants_list(fleet, pool, count)
  local lease = pool.lease
  pool.occupancy = pool_records.occupancy(fleet, pool)
  local differs = count ~= pool.occupancy
  local wanted = differs and lease.mismatch or fleet.time - lease.listed >= LIST_PERIOD
  pool.changed = pool.changed or wanted or differs ~= lease.mismatch
  lease.mismatch = differs and not wanted
  lease.listed = wanted and fleet.time or lease.listed
  return wanted
end

-- The outcome of one heartbeat, and '1' if the pool is to send its list, else '0'.
local function beat(fleet, pool, ttl, count)
  local listed = pool.pool_number and not pool.lease and first_listed(fleet, pool)
  local outcome = transitions.beat(pool, ttl * 1e6, listed, fleet.time)
  return outcome, count and pool.due and wants_list(fleet, pool, count) and '1' or '0'
end

-- Whether a step succeeds, and what it returns; after an unexpected error the fleet is marked suspect.
local function attempt(fleet, step, ...)
  local ok, result = pcall(step, fleet, ...)
  if not ok then
    state.mark_suspect(fleet, result)
  end
  return ok, ok and result
end

-- Appends the outcomes of the heartbeats that have none yet; an error leaves FAULT as that of the one that it stops at.
local function decide(fleet, found, given, outcomes, lists)
  for at = #outcomes + 1, #found do
    outcomes[at], lists[at] = FAULT, '0'
    outcomes[at], lists[at] = beat(fleet, found[at], given.ttls[at], tonumber(given.counts[at]))
  end
end

-- Sets the attributes of pools: position in `found`, address and labels, as `attributes.set` takes them.
local function set_attributes(fleet, found, given, outcomes)
  for _, row in ipairs(given) do
    local at = tonumber(row.position)
    local pool = found[at]
    if pool.due and not attempt(fleet, attributes.set, pool.pool_id, row.address, row.labels) then
      outcomes[at] = FAULT
    end
  end
end

-- Takes the qualities of pools: appends a letter for each as from `quality.take`, '-' for none, or REFUSED, as that of
-- one at which an error stops it.
local function take_qualities(fleet, found, given, letters)
  for at = #letters + 1, #given.qualities do
    local value, pool = tonumber(given.qualities[at]), found[at]
    letters[at] = value and REFUSED or '-'
    if value and pool.due then
      letters[at] = quality.take(fleet, pool, tonumber(given.counts[at]), pool.occupancy or 0, value)
    end
  end
end

-- ids, their leases in seconds (ttls), the numbers of sessions that they count and the qualities of these ('-' for
-- none; no qualities if no pool sends one); attributes: position, address and labels of those that send some
--   -> {BEATS, a letter for each pool as from `transitions.beat` or FAULT, '1' or '0' for each pool that is to send its
--   list, as_of, letters as from `take_qualities`}, and whether the state changed. O(pools * log pools).
-- After an unexpected error the heartbeat's outcome is FAULT, those of all if it is in what they write together, and
-- the fleet is marked suspect.
function heartbeats.run(fleet, given)
  local due, suspect, listed = fleet.pool_due, fleet.suspect, fleet.attributes
  local found, outcomes, lists = pool_records.read(fleet, given.ids), {}, {}
  while #outcomes < #found do
    attempt(fleet, decide, found, given, outcomes, lists)
  end
  -- writes
  local written, changed = attempt(fleet, pool_sets.apply, found)
  local samples = {}
  if not fleet.memory_full then
    set_attributes(fleet, found, given.attributes, outcomes)
    while given.qualities[#samples + 1] do
      attempt(fleet, take_qualities, found, given, samples)
    end
  end
  local letters = written and table.concat(outcomes) or string.rep(FAULT, #found)
  changed = changed or due ~= fleet.pool_due or listed ~= fleet.attributes or suspect ~= fleet.suspect
  local as_of = string.format('%d:%d', fleet.store_epoch, fleet.time)
  return { 'BEATS', letters, table.concat(lists), as_of, table.concat(samples) }, changed
end
