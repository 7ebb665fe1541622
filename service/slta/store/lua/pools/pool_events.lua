-- Events of pools: wrappers of changes that record what these changed.

pool_events = {}

-- The facts that an event records of a pool; nil if the pool does not exist.
local function describe_pool(fleet, pool_id)
  local pool = pool_records.find(fleet, pool_id)
  if not pool then
    return nil
  end
  local address, deadline, follows = attributes.address(fleet, pool_id), pool_records.deadline(pool)
  return {
    pool_class = fleet.tables_of.names[pool.class], status = pool.status,
    pool_address = address ~= '' and address or nil,
    drain_until = deadline and events.seconds(deadline), drain_then = follows,
  }
end

-- Wraps change(fleet, given) -> reply, a change of one pool, to record an event -> reply, the event's text. A refusal
-- says nothing of the pool, except that there was none to remove.
function pool_events.changing_pool(action, change)
  return function(fleet, given)
    local event = events.begin(action, fleet, fleet.clock, given.author)
    event.pool_id, event.before = given.pool_id, describe_pool(fleet, given.pool_id)
    local reply = change(fleet, given)
    event.after = describe_pool(fleet, given.pool_id)
    return reply, events.close(fleet, event, reply)
  end
end

-- Wraps `pools.add` to record an event -> reply, the event's text. Changed attributes of present pools are not
-- recorded.
function pool_events.adding_pools(add)
  return function(fleet, given)
    local event, reply = events.begin('add_pools', fleet, fleet.clock, given.author), add(fleet, given)
    local created = reply[1] == 'CREATED' and reply[2] or 0
    if created > 0 then
      event.pools, event.after = created, { pool_class = events.common(given.pools, 'pool_class'), status = 'active' }
    end
    event.pool_id = created == 1 and reply[3] or reply[1] ~= 'CREATED' and reply[2] or nil
    return reply, events.close(fleet, event, reply)
  end
end

-- Wraps change(fleet, given) -> reply, the changed pools, `former` their status before, to record an event -> reply,
-- the event's text.
function pool_events.changing_statuses(change)
  return function(fleet, given)
    local event = events.begin('set_status', fleet, fleet.clock, given.author)
    local reply, found = change(fleet, given)
    if found and #found > 0 then
      event.pools, event.pool_ids = #found, { unpack(reply, 3, 2 + math.min(#found, events.MAX_IDS)) }
      local deadline = events.common(found, 'deadline')
      event.before = {
        pool_class = events.common(found, 'pool_class'), status = events.common(found, 'former'),
        drain_until = deadline and events.seconds(deadline), drain_then = events.common(found, 'follows'),
      }
      event.after = describe_pool(fleet, found[1].pool_id)
      event.after.pool_class, event.after.pool_address = event.before.pool_class, nil
    end
    return reply, events.close(fleet, event, reply)
  end
end
