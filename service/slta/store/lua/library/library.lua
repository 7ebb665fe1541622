-- The library's Redis functions. Each takes KEYS[1] = {fleet}:state, ARGV[1] = the time in µs, '' for the server's
-- clock (tests pass a time), then its ARGUMENTS of service/slta/store/operations.py; a callback gets the key and these
-- by name as `given`, with the time as `given.clock`. All other keys share the fleet's hash tag. Functions refuse
-- without writing: {UNKNOWN_FLEET} if the fleet does not exist, {NEWER_FLEET} for an unknown policy, {NEWER_FLEET,
-- layout} for another layout, {REPAIRING} during a repair, {DAMAGED} if its state is missing or unreadable.
-- The fleet's incarnation and revision are appended to each reply, 0 and 0 if no fleet was read.
-- @DIGEST@ is part of each function's name, so that a rolling upgrade can run two versions side by side.

local function batch(memory_full)
  return calls.updating(function(fleet, given)
    fleet.memory_full = memory_full
    return batches.run(fleet, given.operations, batches.OPERATIONS)
  end)
end

-- incarnation: one of the fleet in which the facts, as `replay` takes them, were acknowledged
--   -> {BATCH, one outcome per fact} | {OTHER_FLEET}.
local function replay_facts(fleet, given)
  if not incarnations.is_of(fleet, given.incarnation) then
    return { 'OTHER_FLEET' }
  end
  fleet.memory_full = false
  incarnations.extend_recovery(fleet)
  return batches.run(fleet, given.facts, batches.FACTS)
end

-- The claim of the fleet's audit if the caller is to do it, else '', also if that cannot be read.
local function take_audit(fleet, given)
  if not (fleet and given.audits) then
    return ''
  end
  local is_read, claim = pcall(audit_claims.take, fleet)
  return is_read and claim or ''
end

-- Ticks a fleet; returns whether it is sound and has its document.
local function run_tick(fleet, interval, excess)
  ticks.upkeep(fleet, interval, excess)
  state.settle_doubt(fleet)
  calls.write(fleet)
  return fleet.suspect == '' and calls.has_document(fleet.state_key)
end

-- The first words of the reply of `tick`; `fleet` is nil if it is damaged.
local function tick_words(key, fleet, given)
  local told = given.excesses[1] or {}
  if fleet and given.shared and ticks.is_recent(fleet) then
    cache.give_back(fleet)
    return { 'TICKED', 0, 'recent', '', ticks.take_turn(fleet), '' }
  elseif fleet and select(2, pcall(run_tick, fleet, told.interval, told.excess)) == true then
    local claim, interval, remain = take_audit(fleet, given), intervals.told(fleet), ticks.finish(fleet)
    local turn = given.shared and not remain and ticks.take_turn(fleet) or 0
    return { 'TICKED', remain and 1 or 0, '', claim, turn, interval }
  end
  local reply = repair.claim(key)
  reply[4], reply[5], reply[6] = take_audit(fleet, given), 0, ''
  return reply
end

-- shared: whether several dispatchers share the ticks, to change nothing if the fleet was ticked just now, and to take
-- a turn; audits: whether the caller would audit the fleet now; excesses: an interval and its excess as in
-- `intervals.add`, if any
--   -> {TICKED, 1 if expired leases of sessions or pools, or deadlines, remain, else 0, 'recent' if nothing was done,
--    else '', audit, turn, that of `intervals.told`, hold, used} | {SUSPECT, …} of as many words if the fleet needs a
--    repair, see `repair.claim`
-- `audit` is the claim of an audit that is the caller's, '' without one. `turn` is the µs to the caller's next tick,
-- 0 if it has none, as while the fleet is suspect or leases remain, `hold` the µs of fleet time until leases end again,
-- `used` those of the server's processor that it took. Idempotent; each dispatcher calls it again when the reply says
-- so, else after about a second.
local function tick(key, given)
  local began = os.clock()
  local fleet, refusal = calls.present_fleet(key, given)
  if refusal and refusal[1] ~= 'DAMAGED' then
    return refusal
  end
  local reply = tick_words(key, fleet, given)
  reply[#reply + 1] = fleet and math.max(0, fleet.hold_until - fleet.time) or 0
  reply[#reply + 1] = (os.clock() - began) * 1e6
  return reply, fleet
end

-- file: the fleet file that is being applied, '' for none.
local function put(key, given)
  local fleet, refusal = calls.present_fleet(key, given)
  if refusal and refusal[1] ~= 'UNKNOWN_FLEET' then
    return refusal
  elseif not policy_tables.BY_NAME[given.policy] then
    return { 'NEWER_FLEET' }
  end
  local event = events.begin('put_fleet', fleet, given.clock, given.author)
  event.before = events.describe_fleet(fleet)
  local reply, configured = fleets.put(fleet, key, given)
  if reply[1] == 'CONFIGURED' then
    calls.write(configured)
    repair.forget(configured)
    fleet_files.begin(configured, given.file)
  end
  event.after = events.describe_fleet(configured)
  return reply, nil, events.close(configured, event, reply)
end

-- Wraps a step of a repair: its own error is {FAILED, message}, which blocks the repair.
local function telling(step)
  return function(key, given)
    local ok, reply, fleet, event = pcall(step, key, given)
    if not ok then
      return { 'FAILED', audit.error_text(reply) }
    end
    return reply, fleet, event
  end
end

local function begin_repair(key, given)
  local reply, fleet, is_new = repair_begin.run(key, given)
  if is_new then
    calls.write(fleet)
  end
  local event = fleet and events.begin('repair', fleet, given.clock, given.author)
  return reply, nil, event and events.close(fleet, event, reply)
end

-- stamp: that of a deletion that is replayed, else ''. The state is not written back.
local delete = calls.with_fleet(calls.present_fleet, function(fleet, given)
  local event = events.begin('delete_fleet', fleet, fleet.clock, given.author)
  event.before = events.describe_fleet(fleet)
  local is_past = given.stamp ~= '' and marks.forbid_deletion(fleet, given.stamp)
  local reply = is_past and { 'PRESENT' } or fleets.delete(fleet, given)
  return reply, reply[1] == 'DELETED' and fleet or nil, events.close(fleet, event, reply)
end)

local function register(name, callback, flags)
  local prelude = constants.PRELUDES[name]
  redis.register_function({
    function_name = 'slta_@DIGEST@_' .. name,
    callback = function(key_list, args)
      rows.hold(nil) -- a call that was killed may have left some
      local reply, fleet = callback(key_list[1], prelude(args, calls.rows))
      reply[#reply + 1] = fleet and fleet.incarnation or 0
      reply[#reply + 1] = fleet and fleet.revision or 0
      return reply
    end,
    flags = flags,
  })
end

-- Registers a change of one pool.
local function register_of_pool(name, change, flags)
  register(name, calls.with_event(calls.updating(pool_events.changing_pool(name, change))), flags)
end

register('batch', batch(false))
-- The same for batches that only complete or renew; called after a batch was refused because memory is full.
register('release', batch(true), { 'allow-oom' })

-- The state is written only if it changed.
local function beat(memory_full)
  return calls.with_fleet(calls.present_fleet, function(fleet, given)
    fleet.memory_full = memory_full
    local reply, changed = heartbeats.run(fleet, given)
    if changed or fleet.resumed_at == fleet.time then
      calls.write(fleet)
    else
      cold.unload(fleet)
      cache.give_back(fleet)
    end
    return reply, fleet
  end)
end

register('beat', beat(false))
-- The same without attributes; called after heartbeats were refused because memory is full.
register('beat_full', beat(true), { 'allow-oom' })
register('end_guard', calls.with_event(calls.updating(guards.finish)), { 'allow-oom' })
register('tick', tick, { 'allow-oom' })
register('replay', calls.updating(replay_facts))
register('replay_pools', calls.updating(replay_pools.run))
register('mark', calls.updating(incarnations.mark), { 'allow-oom' })
register('recover', calls.updating(incarnations.recover), { 'allow-oom' })
register('put', calls.with_event(put))
register('finish_file', calls.updating(fleet_files.finish))
register('delete', calls.with_event(delete), { 'allow-oom' })
register('add_pools', calls.with_event(calls.updating(pool_events.adding_pools(pools.add))))
register_of_pool('set_status', statuses.set, { 'allow-oom' })
register('set_statuses', calls.with_event(calls.updating(pool_events.changing_statuses(statuses.set_many))),
  { 'allow-oom' })
register_of_pool('remove_pool', pools.remove, { 'allow-oom' })
register_of_pool('move_pool', pools.move)
register('snapshot', calls.reading(function(fleet)
  cold.load(fleet, 'suspect')
  return reads.snapshot(fleet, {
    repair_blocked = fleet.suspect ~= '' and repair.blocked(fleet) or nil, audit_result = audit_claims.result(fleet),
    quality = quality.list(fleet),
  })
end), { 'no-writes' })
register('session', calls.reading(reads.session), { 'no-writes' })
register('config', calls.reading(reads.config), { 'no-writes' })
register('past', calls.reading(history.list), { 'no-writes' })
register('pool', calls.reading(pools.get), { 'no-writes' })
register('pool_page', calls.reading(reads.pool_page), { 'no-writes' })
register('pool_sessions', calls.reading(pools.ids), { 'no-writes' })
register('events', calls.reading(events.list), { 'no-writes' })
register('audit', audit.slice, { 'no-writes' })
register('store_audit', calls.updating(audit_claims.store), { 'allow-oom' })
register('configuration', calls.reading(stored_tables.configuration), { 'no-writes' })
register('begin_survey', telling(repair_begin.survey), { 'no-writes' })
register('survey', telling(survey.slice), { 'no-writes' })
register('begin_repair', calls.with_event(telling(begin_repair)), { 'allow-oom' })
register('block_repair', repair.block, { 'allow-oom' })
register('repair', telling(function(key, given)
  local reply, fleet = repair.slice(key, given)
  if fleet then
    calls.write(fleet)
  end
  return reply
end), { 'allow-oom' })
register('census', audit.census, { 'no-writes' }) -- independent of a fleet
