-- The library's Redis functions. Each takes KEYS[1] = {fleet}:state and ARGV[1] = the time in µs, '' for the server's
-- clock (tests pass a time). All other keys share the fleet's hash tag. Functions refuse without writing:
-- {UNKNOWN_FLEET} if the fleet does not exist, {NEWER_FLEET} for an unknown policy, {NEWER_FLEET, layout} for another
-- layout, {REPAIRING} during a repair, {DAMAGED} if its state is missing or unreadable.
-- The fleet's incarnation and revision are appended to each reply, 0 and 0 if no fleet was read.
-- @DIGEST@ is part of each function's name, so that a rolling upgrade can run two versions side by side.

-- ARGV: time, then operations of five words each.
local function batch(memory_full)
  return calls.with_fleet(calls.present_fleet, function(fleet, args)
    fleet.memory_full = memory_full
    local reply = batches.run(fleet, args, batches.OPERATIONS)
    calls.write(fleet)
    return reply, fleet
  end)
end

-- ARGV: time, an incarnation of the fleet in which the facts were acknowledged, then facts as `replay` takes them
--   -> {BATCH, one outcome per fact} | {OTHER_FLEET}.
local replay_facts = calls.with_fleet(calls.present_fleet, function(fleet, args)
  if not incarnations.is_of(fleet, args[2]) then
    return { 'OTHER_FLEET' }, fleet
  end
  fleet.memory_full = false
  incarnations.extend_recovery(fleet)
  local reply = batches.run(fleet, args, batches.FACTS)
  calls.write(fleet)
  return reply, fleet
end)

-- 1 if an audit is due, else 0, also if that cannot be read.
local function is_audit_due(fleet)
  return select(2, pcall(audit_claims.is_due, fleet)) == true and 1 or 0
end

-- Ticks a fleet; returns whether it is sound.
local function run_tick(fleet, interval, excess)
  ticks.upkeep(fleet, interval, excess)
  calls.write(fleet)
  return fleet.suspect == ''
end

-- The first words of the reply of `tick`; `fleet` is nil if it is damaged.
local function tick_words(key, fleet, shared, interval, excess)
  if fleet and shared and ticks.is_recent(fleet) then
    cache.give_back(fleet)
    return { 'TICKED', 0, 'recent', 0, turns.take(fleet), '' }
  elseif fleet and select(2, pcall(run_tick, fleet, interval, excess)) == true then
    local is_due, told, remain = is_audit_due(fleet), intervals.told(fleet), ticks.finish(fleet)
    return { 'TICKED', remain and 1 or 0, '', is_due, shared and not remain and turns.take(fleet) or 0, told }
  end
  local reply = repair.claim(key)
  reply[4], reply[5], reply[6] = fleet and is_audit_due(fleet) or 0, 0, ''
  return reply
end

-- ARGV: time, '1' if several dispatchers share the ticks, to change nothing if the fleet was ticked just now, and to
-- take a turn; an interval and its excess as in `intervals.add`, if any
--   -> {TICKED, 1 if expired leases of sessions or pools, or deadlines, remain, else 0, 'recent' if nothing was done,
--    else '', audit, turn, that of `intervals.told`, hold, used} | {SUSPECT, …} of as many words if the fleet needs a
--    repair, see `repair.claim`
-- `audit` is 1 if one is due, else 0. `turn` is the µs to the caller's next tick, 0 if it has none, as while the fleet
-- is suspect or leases remain, `hold` the µs of fleet time until leases end again, `used` those of the server's
-- processor that it took. Idempotent; each dispatcher calls it again when the reply says so, else after about a second.
local function tick(key_list, args)
  local began = os.clock()
  local fleet, refusal = calls.present_fleet(key_list, args)
  if refusal and refusal[1] ~= 'DAMAGED' then
    return refusal
  end
  local reply = tick_words(key_list[1], fleet, args[2] == '1', args[3], args[4])
  reply[#reply + 1] = fleet and math.max(0, fleet.hold_until - fleet.time) or 0
  reply[#reply + 1] = (os.clock() - began) * 1e6
  return reply, fleet
end

-- A configuration, `constants.PUT_ARGUMENTS` and marginals from arguments[at] on; nil if its policy is unknown.
local function parse_configuration(arguments, at)
  local given, count = {}, #constants.PUT_ARGUMENTS
  for offset, name in ipairs(constants.PUT_ARGUMENTS) do
    given[name] = arguments[at + offset - 1]
  end
  local names = { 'retention', 'beta_coefficient', 'beta_power', 'exponent', 'gone', 'forget', unpack(cache.SETTINGS) }
  for _, name in ipairs(names) do
    given[name] = tonumber(given[name])
  end
  given.names, given.capacities = vectors.split(given.names), vectors.split(given.capacities, true)
  given.marginals = { unpack(arguments, at + count) }
  return policy_tables.BY_NAME[given.policy] and given
end

-- ARGV: time, author, the fleet file that is being applied ('' for none), then a configuration.
local function put(key_list, args)
  local fleet, refusal = calls.present_fleet(key_list, args)
  if refusal and refusal[1] ~= 'UNKNOWN_FLEET' then
    return refusal
  end
  local wanted = parse_configuration(args, 4)
  if not wanted then
    return { 'NEWER_FLEET' }
  end
  local event = events.begin('put_fleet', fleet, calls.clock(args[1]), args[2])
  event.before = events.describe_fleet(fleet)
  local reply, configured = fleets.put(fleet, key_list[1], calls.clock(args[1]), wanted)
  if reply[1] == 'CONFIGURED' then
    calls.write(configured)
    fleet_files.begin(configured, args[3])
  end
  event.after = events.describe_fleet(configured)
  return reply, nil, events.close(configured, event, reply)
end

-- ARGV: time, author, '1' if the repair was requested, '1' to put back records set aside, then the configuration
-- compiled from the stored document.
local function begin_repair(key_list, args)
  local wanted = parse_configuration(args, 5)
  local reply, fleet, is_new = repair_begin.run(key_list[1], calls.clock(args[1]), wanted, args[3], args[4])
  if is_new then
    calls.write(fleet)
  end
  local event = fleet and events.begin('repair', fleet, calls.clock(args[1]), args[2])
  return reply, nil, event and events.close(fleet, event, reply)
end

-- ARGV: time, author, expected version ('' for any), the stamp of a deletion that is replayed, or nil. The state is not
-- written back.
local delete = calls.with_fleet(calls.present_fleet, function(fleet, args)
  local event = events.begin('delete_fleet', fleet, fleet.clock, args[2])
  event.before = events.describe_fleet(fleet)
  local reply = args[4] and marks.forbid_deletion(fleet, args[4]) and { 'PRESENT' } or fleets.delete(fleet, args[3])
  return reply, reply[1] == 'DELETED' and fleet or nil, events.close(fleet, event, reply)
end)

local function register(name, callback, flags)
  redis.register_function({
    function_name = 'slta_@DIGEST@_' .. name,
    callback = function(key_list, args)
      local reply, fleet = callback(key_list, args)
      reply[#reply + 1] = fleet and fleet.incarnation or 0
      reply[#reply + 1] = fleet and fleet.revision or 0
      return reply
    end,
    flags = flags,
  })
end

-- Registers a change of one pool: ARGV: time, author, then as `change`.
local function register_of_pool(name, change, flags)
  local marking = marks.changing_pool(change, name == 'remove_pool')
  register(name, calls.with_event(calls.updating(pool_events.changing_pool(name, marking))), flags)
end

register('batch', batch(false))
-- The same for batches that only complete or renew; called after a batch was refused because memory is full.
register('release', batch(true), { 'allow-oom' })
-- ARGV: time, then as `heartbeats.run`. The state is written only if it changed. The first is for heartbeats with
-- attributes, the second for those without, also for the same ones after a call was refused because memory is full.
local beat = calls.with_fleet(calls.present_fleet, function(fleet, args)
  local reply, changed = heartbeats.run(fleet, unpack(args, 2))
  if changed or fleet.resumed_at == fleet.time then
    calls.write(fleet)
  else
    cold.unload(fleet)
    cache.give_back(fleet)
  end
  return reply, fleet
end)
register('beat_attributes', beat)
register('beat', beat, { 'allow-oom' })
register('end_guard', calls.with_event(calls.updating(guards.finish)), { 'allow-oom' })
register('tick', tick, { 'allow-oom' })
register('replay', replay_facts)
register('replay_pools', calls.updating(replay_pools.run))
register('mark', calls.updating(incarnations.mark), { 'allow-oom' })
register('recover', calls.updating(incarnations.recover), { 'allow-oom' })
register('put', calls.with_event(put))
register('finish_file', calls.updating(fleet_files.finish))
register('delete', calls.with_event(delete), { 'allow-oom' })
register('add_pools', calls.with_event(calls.updating(pool_events.adding_pools(marks.adding_pools(pools.add)))))
register_of_pool('set_status', statuses.set, { 'allow-oom' })
register('set_statuses', calls.with_event(calls.updating(
  pool_events.changing_statuses(marks.changing_pools(statuses.set_many))
)), { 'allow-oom' })
register_of_pool('remove_pool', pools.remove, { 'allow-oom' })
register_of_pool('move_pool', pools.move)
register('snapshot', calls.reading(function(fleet)
  cold.load(fleet, 'suspect')
  return reads.snapshot(fleet, {
    repair_blocked = fleet.suspect ~= '' and repair.blocked(fleet) or nil, audit_result = audit_claims.result(fleet),
  })
end), { 'no-writes' })
register('session', calls.reading(reads.session), { 'no-writes' })
register('config', calls.reading(reads.config), { 'no-writes' })
register('past', calls.reading(history.list), { 'no-writes' })
register('pool', calls.reading(pools.get), { 'no-writes' })
register('pool_page', calls.reading(function(fleet, first, limit)
  return reads.pool_page(fleet, tonumber(first), tonumber(limit))
end), { 'no-writes' })
register('pool_sessions', calls.reading(pools.ids), { 'no-writes' })
register('events', calls.reading(events.list), { 'no-writes' })
-- ARGV: time, part ('' for the first), cursor, work.
register('audit', function(key_list, args)
  return audit.slice(key_list[1], calls.clock(args[1]), args[2], args[3], tonumber(args[4]))
end, { 'no-writes' })
register('claim_audit', calls.updating(audit_claims.claim), { 'allow-oom' })
register('store_audit', calls.updating(audit_claims.store), { 'allow-oom' })
register('configuration', calls.reading(audit_tables.configuration), { 'no-writes' })
-- ARGV: time, then the configuration compiled from the stored document.
register('begin_survey', function(key_list, args)
  return repair_begin.survey(key_list[1], calls.clock(args[1]), parse_configuration(args, 2))
end, { 'no-writes' })
-- ARGV: time, policy and class ids from `begin_survey`, part ('names' is the first), cursor, work.
register('survey', function(key_list, args)
  return repair_survey.slice(key_list[1], args[2], args[3], args[4], args[5], tonumber(args[6]))
end, { 'no-writes' })
register('begin_repair', calls.with_event(begin_repair), { 'allow-oom' })
-- ARGV: time, reason.
register('block_repair', function(key_list, args) return repair.block(key_list[1], args[2]) end, { 'allow-oom' })
-- ARGV: time, work, patience in µs.
register('repair', function(key_list, args)
  local reply, fleet = repair.slice(key_list[1], calls.clock(args[1]), tonumber(args[2]), tonumber(args[3]))
  if fleet then
    calls.write(fleet)
  end
  return reply
end, { 'allow-oom' })
-- Independent of a fleet. ARGV: time, cursor.
register('census', function(_, args) return audit.census(args[2]) end, { 'no-writes' })
