-- Transitions of a pool's liveness: alive, unconfirmed, lost, gone.

transitions = {}

function transitions.lost_key(fleet, class_index)
  return keys.of_class(fleet, 'lost', class_index)
end

-- Sets or clears the bits of unconfirmed pools.
function transitions.mark(fleet, found, present)
  for _, pool in ipairs(found) do
    local _, pool_index = keys.locate(fleet, pool.pool_number)
    redis.call('SETBIT', keys.of_class(fleet, 'unconfirmed', pool.class_index), pool_index, present)
  end
  fleet.unconfirmed = fleet.unconfirmed + (present == 1 and #found or -#found)
end

-- A pool that was unconfirmed or lost changes; `heard`: by a heartbeat.
function transitions.leave(fleet, pool, heard)
  local known, letter = liveness.of_class(fleet, pool.class_index), pool.lease.letter
  local is_on = known.guard == liveness.ON
  local counts = letter == 'u'
  if letter == 'u' then
    transitions.mark(fleet, { pool }, 0)
  elseif letter == 'l' then
    counts = redis.call('ZREM', transitions.lost_key(fleet, pool.class_index), pool.pool_id) == 1 and is_on
  end
  if counts and heard then
    known.seen = known.seen + 1
  elseif counts and is_on then
    known.first = known.first - 1
  end
end

-- Gives a pool's lease another letter from now on, and counts it.
function transitions.turn(fleet, pool, letter)
  if pool.lease.letter ~= 'a' then
    transitions.leave(fleet, pool, letter == 'a')
  end
  liveness.recount(fleet, pool, pool.status, letter)
  pool.lease.letter, pool.lease.since, pool.changed = letter, fleet.time, true
end

-- Pools in service become unconfirmed.
function transitions.doubt(fleet, found)
  for _, pool in ipairs(found) do
    transitions.turn(fleet, pool, 'u')
    pool.lease.out, pool.due = false, nil
  end
  transitions.mark(fleet, found, 1)
end

-- Takes pools of the same operator's status active out of service (`recorded` is draining) or back (active): records,
-- rows and counts, without a change of names. O(pools + levels in use * pools / 8).
function transitions.serve(fleet, found, recorded)
  if #found == 0 then
    return
  end
  local words = {}
  for _, pool in ipairs(found) do
    words[#words + 1] = pool.pool_id
    words[#words + 1] = string.format('%d %s', pool.pool_number, recorded)
    pool.occupancy = ledger.occupancy(fleet, pool.pool_number)
  end
  derived.change_service(fleet, function() pool_rows.move(fleet, found, recorded) end)
  write_buffer.send('HSET', keys.of_fleet(fleet, 'pools'), words)
end

-- Pools whose lease has run out are lost; with `store` that is written too. O(pools + levels in use * pools / 8).
function transitions.lose(fleet, found, store)
  local serving = {}
  for _, pool in ipairs(found) do
    transitions.turn(fleet, pool, 'l')
    pool.lease.out = pool.recorded == 'active'
    pool.due = liveness.gone_after(fleet)
    serving[#serving + 1] = pool.lease.out and pool or nil
  end
  transitions.serve(fleet, serving, 'draining')
  if store then
    liveness.store(fleet, found)
    liveness.set_timers(fleet, found)
  end
end
