-- Transitions of a pool's liveness: alive, unconfirmed, lost, gone.

transitions = {}

function transitions.lost_key(fleet, class_index)
  return keys.of_class(fleet, 'lost', class_index)
end

-- Sets or clears the bits of unconfirmed pools.
function transitions.set_unconfirmed_bits(fleet, found, present)
  for _, pool in ipairs(found) do
    local _, pool_index = keys.locate(fleet, pool.pool_number)
    redis.call('SETBIT', keys.of_class(fleet, 'unconfirmed', pool.class_index), pool_index, present)
  end
  fleet.unconfirmed = fleet.unconfirmed + (present == 1 and #found or -#found)
end

-- A pool that was unconfirmed or lost changes; `is_heard`: by a heartbeat. The guard counts it no more, or as heard.
function transitions.on_liveness_change(fleet, pool, is_heard)
  local counts, before = liveness.of_class(fleet, pool.class_index), pool.lease.liveness
  local is_on = counts.guard == liveness.ON
  local is_counted = before == 'unconfirmed'
  if is_counted then
    transitions.set_unconfirmed_bits(fleet, { pool }, 0)
  elseif before == 'lost' then
    is_counted = redis.call('ZREM', transitions.lost_key(fleet, pool.class_index), pool.pool_id) == 1 and is_on
  end
  if is_counted and is_heard then
    counts.heard = counts.heard + 1
  elseif is_counted and is_on then
    counts.became_unconfirmed = counts.became_unconfirmed - 1
  end
end

-- A pool is alive, unconfirmed, lost or gone from now on, and is counted so.
function transitions.set_liveness(fleet, pool, after)
  if pool.lease.liveness ~= 'alive' then
    transitions.on_liveness_change(fleet, pool, after == 'alive')
  end
  liveness.recount(fleet, pool, pool.status, after)
  pool.lease.liveness, pool.lease.since, pool.changed = after, fleet.time, true
end

-- Pools in service become unconfirmed.
function transitions.mark_unconfirmed(fleet, found)
  for _, pool in ipairs(found) do
    transitions.set_liveness(fleet, pool, 'unconfirmed')
    pool.lease.is_out_of_service, pool.due = false, nil
  end
  transitions.set_unconfirmed_bits(fleet, found, 1)
end

-- Takes pools that an operator has active out of service (draining) or back (active): records, rows and counts, without
-- a change of names. O(pools + levels in use * pools / 8).
function transitions.set_in_service(fleet, found, effective_status)
  if #found == 0 then
    return
  end
  local words = {}
  for _, pool in ipairs(found) do
    words[#words + 1] = pool.pool_id
    words[#words + 1] = string.format('%d %s', pool.pool_number, effective_status)
    pool.occupancy = ledger.occupancy(fleet, pool.pool_number)
  end
  derived.change_service(fleet, function() pool_rows.move(fleet, found, effective_status) end)
  write_buffer.send('HSET', keys.of_fleet(fleet, 'pools'), words)
end

-- Pools whose lease has run out are lost; with `store` that is written too. O(pools + levels in use * pools / 8).
function transitions.mark_lost(fleet, found, store)
  local serving = {}
  for _, pool in ipairs(found) do
    transitions.set_liveness(fleet, pool, 'lost')
    pool.lease.is_out_of_service = pool.effective_status == 'active'
    pool.due = liveness.gone_after(fleet)
    serving[#serving + 1] = pool.lease.is_out_of_service and pool or nil
  end
  transitions.set_in_service(fleet, serving, 'draining')
  if store then
    liveness.store(fleet, found)
    liveness.set_timers(fleet, found)
  end
end
