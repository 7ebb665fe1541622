-- The audit of pools' leases and drains: each against its timer, leases against the row of unconfirmed pools.

audit_leases = {}

local LONGEST = 315360000e6 -- µs from a loss until a pool is gone, and from then until it is forgotten

local function timer_of(fleet, member)
  return tonumber(redis.call('ZSCORE', keys.of_fleet(fleet, 'timers'), member) or nil)
end

local function check_lease(fleet, report, pool_id, pool)
  local lease, class_index, pool_index = pool.lease, keys.locate(fleet, pool.pool_number)
  local function expect(what, actual, expected)
    report:expect_equal('lease of pool ' .. pool_id .. ': ' .. what, actual, expected)
  end
  local bit = redis.call('GETBIT', keys.of_class(fleet, 'unconfirmed', class_index), pool_index)
  expect('its pool is in the row of unconfirmed ones', bit == 1, lease.liveness == 'unconfirmed')
  local word, timer = liveness.counted_as(pool), timer_of(fleet, pool_id)
  expect('its class counts it', not word or liveness.of_class(fleet, class_index)[word] > 0, true)
  if pool.status ~= 'failed' and lease.liveness ~= 'gone' then
    expect('it has a timer', timer ~= nil, lease.liveness ~= 'unconfirmed')
  end
  local longest = lease.liveness == 'alive' and transitions.GRACE * lease.ttl or LONGEST
  local latest = fleet.time + fleet_time.MAX_STEP + longest -- a heartbeat does not write the time of the state
  expect('its timer is later than it can be', (timer or 0) > latest, false)
end

local function check_drain(fleet, report, pool_id, pool)
  local function expect(what, actual, expected)
    report:expect_equal('drain of pool ' .. pool_id .. ': ' .. what, actual, expected)
  end
  local drain, timer = pool.drain, timer_of(fleet, 'drain@' .. pool_id)
  expect('its timer is later than it can be', (timer or 0) > fleet.time + pool_records.LONGEST_DRAIN, false)
  expect('it has a timer', drain.is_over or timer ~= nil, true)
end

-- Checks what the salvaged record of a pool determines.
function audit_leases.check(fleet, report, pool)
  if pool.lease then
    check_lease(fleet, report, pool.pool_id, pool)
  end
  if pool.drain then
    check_drain(fleet, report, pool.pool_id, pool)
  end
end

-- A part: each timer is of a guard, or of a pool that has what it is of. A lease that is missing begins now. O(work).
function audit_leases.walk_timers(fleet, slice, cursor)
  return slices.each_pair(fleet, 'timers', slice, cursor, function(member)
    local kind, pool_id = timers.parse(fleet, member)
    local pool = kind ~= 'guard' and kind and stored_pools.read(fleet, pool_id)
    if not kind or pool and not pool[kind] then
      slice:wrong('timer ' .. member .. ': there is nothing that it is of', function()
        if kind == 'lease' and pool.pool_number and pool.status then
          pool.lease = { ttl = pool_records.UNKNOWN_TTL, liveness = 'alive', since = fleet.time, listed = fleet.time }
          stored_pools.set(fleet, pool)
        end
      end)
    end
  end)
end

-- Checks the numbers of each class, and the first timer, in one call. O(classes * pools / 8).
function audit_leases.check_totals(fleet, report)
  local total, stored = 0, 0
  for class_index, name in ipairs(fleet.names) do
    local counts = liveness.of_class(fleet, class_index)
    local marked = rows.count(keys.of_class(fleet, 'unconfirmed', class_index))
    report:expect_equal('unconfirmed pools of class ' .. name, counts.unconfirmed, marked)
    report:expect_equal('guard of class ' .. name .. ' is off', counts.guard == 0, marked == 0)
    local most = pool_records.total(fleet, class_index) -- unconfirmed ones may be draining
    report:expect_equal('leased pools of class ' .. name, counts.alive + counts.unconfirmed,
      math.max(0, math.min(counts.alive + counts.unconfirmed, most)))
    total, stored = total + marked, stored + (counts.is_stored and 1 or 0)
  end
  report:expect_equal('classes with leases', redis.call('HLEN', keys.of_fleet(fleet, 'pool_liveness')), stored)
  report:expect_equal('unconfirmed', fleet.unconfirmed, total)
  local due = fleet.pool_due
  timers.find_due(fleet)
  local is_late = due > fleet.pool_due or due == 0
  report:expect_equal('pool_due is no later than the first timer', fleet.pool_due > 0 and is_late, false)
  fleet.liveness = false
end
