-- The audit of pools' leases: each record against the pool's record, its timer and the row of unconfirmed pools.

audit_leases = {}

local LONGEST = 315360000e6 -- µs from a loss until a pool is gone, and from then until it is forgotten

local function timer_of(fleet, pool_id)
  return redis.call('ZSCORE', keys.of_fleet(fleet, 'pool_timers'), pool_id)
end

-- Whether the pool has a bit in the row of unconfirmed pools of its class.
local function is_marked(fleet, pool)
  local class_index, pool_index = keys.locate(fleet, pool.pool_number)
  return redis.call('GETBIT', keys.of_class(fleet, 'unconfirmed', class_index), pool_index) == 1
end

local function check_lease(fleet, report, pool, lease)
  local function expect(what, actual, expected)
    report:expect_equal('lease of pool ' .. pool.pool_id .. ': ' .. what, actual, expected)
  end
  local is_away = lease.liveness == 'lost' or lease.liveness == 'gone'
  expect('its pool is in service', pool.status == 'active', pool.status == 'active' and not is_away)
  local is_out = lease.is_out_of_service
  expect('it keeps its pool out of service', is_out, is_out and is_away and pool.status ~= 'active')
  expect('its pool is in the row of unconfirmed ones', is_marked(fleet, pool), lease.liveness == 'unconfirmed')
  local timer = timer_of(fleet, pool.pool_id)
  local has_timer = timer ~= false
  if pool.status ~= 'failed' and lease.liveness ~= 'gone' then
    expect('it has a timer', has_timer, lease.liveness ~= 'unconfirmed')
  end
  local latest = fleet.time + fleet_time.MAX_STEP -- a heartbeat does not write the time that it stores in a lease
  expect('it changed in the future', math.max(lease.since, lease.listed) > latest, false)
  expect('its length can be', lease.ttl >= liveness.MIN_TTL and lease.ttl <= liveness.MAX_TTL, true)
  latest = latest + (lease.liveness == 'alive' and liveness.GRACE * lease.ttl or LONGEST)
  expect('its timer is later than it can be', tonumber(timer or 0) > latest, false)
end

-- Checks some records. O(work).
function audit_leases.check(fleet, report, cursor)
  return slices.each_field(fleet, 'pool_leases', report, cursor, function(pool_id, text)
    local lease, pool_number, status = liveness.parse(text), pool_records.find(fleet, pool_id)
    if not lease then
      report:add('lease of pool ' .. pool_id .. ': is unreadable')
    elseif not pool_number then
      report:add('lease of pool ' .. pool_id .. ': is of a pool that does not exist')
    else
      check_lease(fleet, report, { pool_id = pool_id, pool_number = pool_number, status = status }, lease)
    end
  end)
end

-- Checks the numbers of each class, and the first timer, in one call. O(classes * pools / 8).
function audit_leases.check_totals(fleet, report)
  local total, leased, stored = 0, 0, 0
  for class_index, name in ipairs(fleet.names) do
    local counts = liveness.of_class(fleet, class_index)
    local marked = rows.count(keys.of_class(fleet, 'unconfirmed', class_index))
    report:expect_equal('unconfirmed pools of class ' .. name, counts.unconfirmed, marked)
    report:expect_equal('guard of class ' .. name .. ' is off', counts.guard == 0, marked == 0)
    local most = pool_records.total(fleet, class_index) -- unconfirmed ones may be draining
    report:expect_equal('leased pools of class ' .. name, counts.alive + counts.unconfirmed,
      math.max(0, math.min(counts.alive + counts.unconfirmed, most)))
    total, leased, stored = total + marked, leased + counts.leases, stored + (counts.is_stored and 1 or 0)
  end
  report:expect_equal('leases of pools', redis.call('HLEN', keys.of_fleet(fleet, 'pool_leases')), leased)
  report:expect_equal('classes with leases', redis.call('HLEN', keys.of_fleet(fleet, 'pool_liveness')), stored)
  report:expect_equal('unconfirmed', fleet.unconfirmed, total)
  local due = fleet.pool_due
  liveness.find_due(fleet)
  local first = fleet.pool_due > 0 and fleet.pool_due or math.huge -- without leases there is no timer to miss
  report:expect_equal('pool_due is no later than the first timer', due > first, false)
  report:expect_equal('pool_due tells whether there are leases', due > 0, fleet.pool_due > 0 or due > 0)
  fleet.liveness = false
end
