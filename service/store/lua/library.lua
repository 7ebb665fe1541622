-- The functions the server runs. Each takes KEYS[1] = {fleet}:state and ARGV[1] = the time in µs, '' for the server's
-- own (tests state theirs); all other keys share the fleet's hash tag. No fleet answers {UNKNOWN_FLEET}, one that uses
-- what this library does not know {NEWER_FLEET}, one of a layout before {OLDER_FLEET}: then nothing is written.
-- Behind each reply stand the fleet's incarnation and revision, 0 where no fleet was looked at.
-- @DIGEST@ keeps the functions of different versions apart, so that a rolling upgrade runs both.

local function clock(given)
  if given ~= '' then
    return tonumber(given)
  end
  local seconds_and_micros = redis.call('TIME')
  return tonumber(seconds_and_micros[1]) * 1e6 + tonumber(seconds_and_micros[2])
end

-- The fleet at the present time, read only; nil and the refusal when there is none to work on.
local function fleet_to_read(given, args)
  local fleet, refusal = state.read(given[1])
  if not fleet then
    return nil, { refusal }
  end
  accounting.advance(fleet, clock(args[1]))
  return fleet
end

-- The same, to be changed.
local function present_fleet(given, args)
  local fleet, refusal = fleet_to_read(given, args)
  if fleet then
    incarnations.enter(fleet)
  end
  return fleet, refusal
end

-- A function that changes one fleet: change(fleet, arguments after the time) -> reply, the text of an event.
local function changing(change)
  return function(given, args)
    local fleet, refusal = present_fleet(given, args)
    if not fleet then
      return refusal
    end
    local reply, event = change(fleet, unpack(args, 2))
    state.write(fleet)
    return reply, fleet, event
  end
end

-- A change of which there is an event: ARGV[2] says who asked, see `events.begin`. The event's text stands behind the
-- reply, '' where there is none.
local function recorded(callback)
  return function(given, args)
    local reply, fleet, event = callback(given, args)
    reply[#reply + 1] = event or ''
    return reply, fleet
  end
end

-- A function that reads one fleet and writes nothing.
local function reading(read)
  return function(given, args)
    local fleet, refusal = fleet_to_read(given, args)
    return fleet and read(fleet, unpack(args, 2)) or refusal, fleet
  end
end

-- ARGV: time, then operations of five words each.
local function batch(given, args, memory_full)
  local fleet, refusal = present_fleet(given, args)
  if not fleet then
    return refusal
  end
  fleet.memory_full = memory_full
  return batches.run(fleet, args, batches.OPERATIONS)
end

-- ARGV: time, an incarnation of the fleet that acknowledged the facts, then facts as `replay` takes them
--   -> {BATCH, an outcome each} | {OTHER_FLEET}.
local function replay_facts(given, args)
  local fleet, refusal = present_fleet(given, args)
  if not fleet then
    return refusal
  elseif not incarnations.is_of(fleet, args[2]) then
    return { 'OTHER_FLEET' }, fleet
  end
  fleet.memory_full = false
  return batches.run(fleet, args, batches.FACTS)
end

-- ARGV: time -> {TICKED, 1 when leases that are over may be left, else 0} | {BEGUN} for a repair after an error inside
-- an operation. Idempotent; every dispatcher calls it about once a second.
local function tick(given, args)
  local fleet, refusal = present_fleet(given, args)
  if not fleet then
    return refusal
  elseif fleet.suspect ~= '' then
    return (repair_begin.run(given[1], clock(args[1])))
  end
  sessions.forget(fleet)
  early.forget(fleet)
  sessions.reap(fleet)
  history.keep(fleet)
  state.write(fleet)
  return { 'TICKED', sessions.are_due(fleet) and 1 or 0 }, fleet
end

-- ARGV from the third on: expected version, document, policy, utilities digest, names, capacities, lease, retention,
-- beta coefficient, beta power, exponent, order, bound, marginals of each class. nil for a policy that is not known.
local function configuration(args)
  local rules = policies.BY_NAME[args[5]]
  return rules and {
    expected = args[3], document = args[4], policy = args[5], utilities = args[6],
    names = vectors.split(args[7]), capacities = vectors.split(args[8], true),
    lease = tonumber(args[9]), retention = tonumber(args[10]),
    beta_coefficient = tonumber(args[11]), beta_power = tonumber(args[12]),
    exponent = tonumber(args[13]), order = args[14], bound = args[15], marginals = { unpack(args, 16) },
  }
end

-- ARGV: time, author, then a configuration.
local function put(given, args)
  local fleet, refusal = present_fleet(given, args)
  if refusal and refusal[1] ~= 'UNKNOWN_FLEET' then
    return refusal
  end
  local wanted = configuration(args)
  if not wanted then
    return { 'NEWER_FLEET' }
  end
  local event = events.begin('put_fleet', fleet, clock(args[1]), args[2])
  event.before = events.of_fleet(fleet)
  local reply, configured = fleets.put(fleet, given[1], clock(args[1]), wanted)
  event.after = events.of_fleet(configured)
  return reply, nil, events.close(configured, event, reply)
end

-- ARGV: time, author, then the configuration of the stored document, or nothing where that is unreadable.
local function begin_repair(given, args)
  local wanted = args[3] and configuration(args)
  if args[3] and not wanted then
    return { 'NEWER_FLEET' }
  end
  local reply, fleet = repair_begin.run(given[1], clock(args[1]), wanted)
  local event = fleet and events.begin('repair', fleet, clock(args[1]), args[2])
  return reply, nil, event and events.close(fleet, event, reply)
end

-- ARGV: time, author, expected version ('' for any). Deletes without writing the state back.
local function delete(given, args)
  local fleet, refusal = present_fleet(given, args)
  if not fleet then
    return refusal
  end
  local event = events.begin('delete_fleet', fleet, fleet.clock, args[2])
  event.before = events.of_fleet(fleet)
  local reply = fleets.delete(fleet, args[3])
  return reply, nil, events.close(fleet, event, reply)
end

local function register(name, callback, flags)
  redis.register_function({
    function_name = 'slta_@DIGEST@_' .. name,
    callback = function(given, args)
      local reply, fleet = callback(given, args)
      reply[#reply + 1] = fleet and fleet.incarnation or 0
      reply[#reply + 1] = fleet and fleet.revision or 0
      return reply
    end,
    flags = flags,
  })
end

register('batch', function(given, args) return batch(given, args, false) end)
-- The same, for batches that only end or renew, and were refused because memory is full.
register('release', function(given, args) return batch(given, args, true) end, { 'allow-oom' })
register('tick', tick, { 'allow-oom' })
register('replay', replay_facts)
register('mark', changing(incarnations.mark), { 'allow-oom' })
register('incarnations', reading(incarnations.list), { 'no-writes' })
register('put', recorded(put))
register('delete', recorded(delete), { 'allow-oom' })
register('add_pools', recorded(changing(events.adding_pools(pools.add))))
register('set_status', recorded(changing(events.changing_pool('set_status', pools.set_status))), { 'allow-oom' })
register('remove_pool', recorded(changing(events.changing_pool('remove_pool', pools.remove))), { 'allow-oom' })
register('move_pool', recorded(changing(events.changing_pool('move_pool', pools.move))))
register('snapshot', reading(reads.snapshot), { 'no-writes' })
register('session', reading(reads.session), { 'no-writes' })
register('config', reading(reads.config), { 'no-writes' })
register('pool', reading(pools.get), { 'no-writes' })
register('pool_page', reading(function(fleet, first, limit)
  return pools.page(fleet, tonumber(first), tonumber(limit))
end), { 'no-writes' })
register('pool_sessions', reading(pools.ids), { 'no-writes' })
register('events', reading(events.list), { 'no-writes' })
-- ARGV: time, part ('' for the first), cursor, work.
register('audit', function(given, args)
  return audit.slice(given[1], clock(args[1]), args[2], args[3], tonumber(args[4]))
end, { 'no-writes' })
register('configuration', reading(audit_tables.configuration), { 'no-writes' })
register('begin_repair', recorded(begin_repair), { 'allow-oom' })
-- ARGV: time, work, patience in µs.
register('repair', function(given, args)
  return repair.slice(given[1], clock(args[1]), tonumber(args[2]), tonumber(args[3]))
end, { 'allow-oom' })
-- Of no fleet. ARGV: time, cursor.
register('census', function(_, args) return audit.census(args[2]) end, { 'no-writes' })
