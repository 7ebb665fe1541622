-- The functions the server runs. Each takes KEYS[1] = {fleet}:state and ARGV[1] = the time in µs, '' for the server's
-- own (tests state theirs); all other keys share the fleet's hash tag. No fleet answers {UNKNOWN_FLEET}, one that uses
-- what this library does not know {NEWER_FLEET}, one of a layout before {OLDER_FLEET}, one whose state is missing or
-- unreadable {DAMAGED}: then nothing is written.
-- Behind each reply stand the fleet's incarnation and revision, 0 where no fleet was looked at.
-- @DIGEST@ keeps the functions of different versions apart, so that a rolling upgrade runs both.

local function clock(given)
  if given ~= '' then
    return tonumber(given)
  end
  local seconds_and_micros = redis.call('TIME')
  return tonumber(seconds_and_micros[1]) * 1e6 + tonumber(seconds_and_micros[2])
end

-- Whether a fleet without a state is one that was not deleted: then its document is there.
local function is_lost(key)
  return redis.call('EXISTS', string.sub(key, 1, -6) .. 'document') == 1
end

-- The fleet at the present time, read only; nil and the refusal when there is none to work on.
local function fleet_to_read(given, args)
  local is_read, fleet, refusal = pcall(state.read, given[1])
  if not is_read or refusal == 'UNKNOWN_FLEET' and is_lost(given[1]) then
    return nil, { 'DAMAGED' }
  elseif not fleet then
    return nil, { refusal }
  end
  accounting.advance(fleet, clock(args[1]))
  return fleet
end

-- The same, to be changed.
local function present_fleet(given, args)
  local fleet, refusal = fleet_to_read(given, args)
  if fleet and not pcall(incarnations.enter, fleet) then
    return nil, { 'DAMAGED' }
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
    if not fleet then
      return refusal
    end
    local is_sound, reply = pcall(read, fleet, unpack(args, 2))
    return is_sound and reply or { 'DAMAGED' }, fleet
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

-- ARGV: time -> {TICKED, 1 when leases that are over may be left, else 0} | {SUSPECT, …}, see `repair.claim`, for a
-- fleet that must be repaired. Idempotent; every dispatcher calls it about once a second.
local function tick(given, args)
  local fleet, refusal = present_fleet(given, args)
  if refusal and refusal[1] ~= 'DAMAGED' then
    return refusal
  elseif not fleet or not upkeep.run(fleet) then
    return repair.claim(given[1]), fleet
  end
  return { 'TICKED', leases.are_due(fleet) and 1 or 0 }, fleet
end

-- ARGV: time, author, then a configuration.
local function put(given, args)
  local fleet, refusal = present_fleet(given, args)
  if refusal and refusal[1] ~= 'UNKNOWN_FLEET' then
    return refusal
  end
  local wanted = configuration.parse(args, 3)
  if not wanted then
    return { 'NEWER_FLEET' }
  end
  local event = events.begin('put_fleet', fleet, clock(args[1]), args[2])
  event.before = events.of_fleet(fleet)
  local reply, configured = fleets.put(fleet, given[1], clock(args[1]), wanted)
  event.after = events.of_fleet(configured)
  return reply, nil, events.close(configured, event, reply)
end

-- ARGV: time, author, '1' for a repair that somebody asked for, '1' to put back what is aside, then the configuration
-- that was compiled from the stored document.
local function begin_repair(given, args)
  local wanted = configuration.parse(args, 5)
  local reply, fleet = repair_begin.run(given[1], clock(args[1]), wanted, args[3], args[4])
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
-- ARGV: time, then the configuration that was compiled from the stored document.
register('begin_survey', function(given, args)
  return repair_begin.survey(given[1], clock(args[1]), configuration.parse(args, 2))
end, { 'no-writes' })
-- ARGV: time, policy and numbers of the classes as `begin_survey` says, part ('names' is the first), cursor, work.
register('survey', function(given, args)
  return repair_survey.slice(given[1], args[2], args[3], args[4], args[5], tonumber(args[6]))
end, { 'no-writes' })
register('begin_repair', recorded(begin_repair), { 'allow-oom' })
-- ARGV: time, why.
register('block_repair', function(given, args) return repair.block(given[1], args[2]) end, { 'allow-oom' })
-- ARGV: time, work, patience in µs.
register('repair', function(given, args)
  return repair.slice(given[1], clock(args[1]), tonumber(args[2]), tonumber(args[3]))
end, { 'allow-oom' })
-- Of no fleet. ARGV: time, cursor.
register('census', function(_, args) return audit.census(args[2]) end, { 'no-writes' })
