-- The library's Redis functions. Each takes KEYS[1] = {fleet}:fleet, ARGV[1] = the time in µs, '' for the server's
-- clock (tests pass a time), then its ARGUMENTS of service/slta/store/operations.py; a callback gets these by name as
-- `given`, with the time as `given.clock`. All keys share the fleet's hash tag. Functions refuse without writing:
-- {UNKNOWN_FLEET} if the fleet does not exist, {NEWER_FLEET} for an unknown policy, {NEWER_FLEET, layout} for another
-- layout, {DAMAGED} if its state is missing or unreadable. The fleet's incarnation and revision are appended to each
-- reply, 0 and 0 if no fleet was read.
-- @DIGEST@ is part of each function's name, so that a rolling upgrade can run two versions side by side.

-- The rows of a table whose words take the rest of ARGV from `first` on, each with a field for each column.
local function rows(args, first, columns)
  local found = {}
  for at = first - 1, #args - 1, #columns do
    local row = {}
    for offset, column in ipairs(columns) do
      row[column] = args[at + offset]
    end
    found[#found + 1] = row
  end
  return found
end

local function register(name, callback, flags)
  local prelude = constants.PRELUDES[name]
  redis.register_function({
    function_name = 'slta_@DIGEST@_' .. name,
    callback = function(key_list, args)
      records.begin() -- a call that was killed may have left some
      local reply, fleet = callback(key_list[1], prelude(args, rows))
      reply[#reply + 1] = fleet and fleet.incarnation or 0
      reply[#reply + 1] = fleet and fleet.revision or 0
      return reply
    end,
    flags = flags,
  })
end

-- The fleet for a change; nil and the refusal if it cannot be used.
local function open(key, given)
  local fleet, refusal = state.open(key, given.clock)
  if fleet then
    incarnations.begin_call(fleet)
    fleet.memory_full = false
  end
  return fleet, refusal
end

local function close(fleet)
  records.write()
  guards.settle(fleet)
  state.close(fleet)
end

-- Wraps change(fleet, given) -> reply, the text of an event.
local function updating(change)
  return function(key, given)
    local fleet, refusal = open(key, given)
    if not fleet then
      return refusal
    end
    local reply, event = change(fleet, given)
    close(fleet)
    return reply, fleet, event
  end
end

-- Wraps a change that records an event of `given.author`, see `events.begin`. Appends the event's text to the reply, ''
-- without one.
local function with_event(callback)
  return function(key, given)
    local reply, fleet, event = callback(key, given)
    reply[#reply + 1] = event or ''
    return reply, fleet
  end
end

-- Wraps a read, which writes nothing; `fresh` as for `state.look`.
local function reading(read, fresh)
  return function(key, given)
    local fleet, refusal = state.look(key, given.clock, fresh)
    if not fleet then
      return refusal
    end
    local ok, reply = pcall(read, fleet, given)
    if not ok then
      state.doubt(fleet, reply)
    end
    return ok and reply or { 'DAMAGED' }, fleet
  end
end

-- Registers a read.
local function register_read(name, read, fresh)
  register(name, reading(read, fresh), { 'no-writes' })
end

-- Registers a change of one pool.
local function register_of_pool(name, change, flags)
  register(name, with_event(updating(pool_events.changing_pool(name, change))), flags)
end

-- Operations on sessions leave the guards as they are.
local function batch(memory_full)
  return function(key, given)
    local fleet, refusal = open(key, given)
    if not fleet then
      return refusal
    end
    fleet.memory_full = memory_full
    local reply = batches.run(fleet, given)
    state.close(fleet)
    return reply, fleet
  end
end

-- The state is written only if it changed.
local function beat(memory_full)
  return function(key, given)
    local fleet, refusal = open(key, given)
    if not fleet then
      return refusal
    end
    fleet.memory_full = memory_full
    local reply, changed = heartbeats.run(fleet, given)
    if changed or fleet.resumed_at == fleet.time then
      close(fleet)
    else
      state.give_back(fleet)
    end
    return reply, fleet
  end
end

-- Ticks a fleet; returns whether it is sound and has its document.
local function run_tick(fleet, told)
  policies.count(fleet)
  ticks.upkeep(fleet, told.interval, told.excess)
  state.settle_doubt(fleet)
  close(fleet)
  return fleet.suspect == '' and redis.call('EXISTS', fleet.tables_of.keys.document) == 1
end

-- shared: whether several dispatchers share the ticks, to change nothing if the fleet was ticked just now, and to take
-- a turn; audits: whether the caller would audit the fleet now; excesses: an interval and its excess as in
-- `intervals.add`, if any
--   -> {TICKED, 1 if expired leases of sessions or pools, or deadlines, remain, else 0, 'recent' if nothing was done,
--    else '', audit, turn, that of `intervals.told`, hold, used} | {SUSPECT, …} of as many words if the fleet needs a
--    rebuild
-- `turn` is the µs to the caller's next tick, 0 if it has none, as while the fleet is suspect or leases remain, `hold`
-- the µs of fleet time until leases end again, `used` those of the server's processor that it took. Idempotent; each
-- dispatcher calls it again when the reply says so, else after about a second.
local function tick(key, given)
  local began = os.clock()
  local fleet, refusal = open(key, given)
  if refusal and refusal[1] ~= 'DAMAGED' then
    return refusal
  end
  local reply
  if fleet and given.shared and ticks.is_recent(fleet) then
    reply = { 'TICKED', 0, 'recent', '', ticks.take_turn(fleet), '' }
    state.give_back(fleet)
  elseif fleet and select(2, pcall(run_tick, fleet, given.excesses[1] or {})) == true then
    local interval, remain = intervals.told(fleet), ticks.finish(fleet)
    local turn = given.shared and not remain and ticks.take_turn(fleet) or 0
    reply = { 'TICKED', remain and 1 or 0, '', '', turn, interval }
  else
    local is_ours, blocked = claims.take_repair(key, given.clock)
    reply = { 'SUSPECT', is_ours, blocked, '', 0, '' }
  end
  if fleet and given.audits then
    reply[4] = claims.take_audit(fleet, given.clock)
  end
  reply[#reply + 1] = fleet and math.max(0, fleet.hold_until - fleet.time) or 0
  reply[#reply + 1] = (os.clock() - began) * 1e6
  return reply, fleet
end

-- file: the fleet file that is being applied, '' for none.
local function put(key, given)
  local fleet, refusal = open(key, given)
  if refusal and refusal[1] ~= 'UNKNOWN_FLEET' then
    return refusal
  elseif not tables.POLICIES[given.policy] then
    return { 'NEWER_FLEET' }
  end
  local event = events.begin('put_fleet', fleet, given.clock, given.author)
  event.before = events.describe_fleet(fleet)
  local reply, configured = fleets.put(fleet, key, given)
  if reply[1] == 'CONFIGURED' then
    fleets.begin_file(configured, given.file)
    claims.unblock(key)
    close(configured)
  elseif configured then
    state.give_back(configured)
  end
  event.after = events.describe_fleet(configured)
  return reply, reply[1] == 'CONFIGURED' and configured or nil, events.close(configured, event, reply)
end

-- The state is not written back.
local function delete(key, given)
  local fleet, refusal = open(key, given)
  if not fleet then
    return refusal
  end
  local event = events.begin('delete_fleet', fleet, fleet.clock, given.author)
  event.before = events.describe_fleet(fleet)
  local reply = fleets.delete(fleet, given)
  if reply[1] ~= 'DELETED' then
    state.give_back(fleet)
  end
  return reply, reply[1] == 'DELETED' and fleet or nil, events.close(fleet, event, reply)
end

-- A comparison of a fleet's keys, which writes nothing.
local function begin_compare(key, given)
  local run, refusal = rebuild.inspect(key, given, false)
  if not run then
    return refusal
  end
  local fleet = state.look(key, given.clock)
  return rebuild.begin(fleet, run), fleet
end

-- A rebuild. The state is made readable, and the fleet suspect until the run has ended.
local function begin_rebuild(key, given)
  local run, refusal = rebuild.inspect(key, given, true)
  if not run then
    return refusal
  end
  local fleet = open(key, given)
  if not fleet then
    return rebuild.begin(nil, run)
  end
  local event, reply = events.begin('repair', fleet, given.clock, given.author), rebuild.begin(fleet, run)
  fleet.suspect = fleet.suspect == '' and 'is being rebuilt' or fleet.suspect
  claims.hold_repair(key, fleet.clock)
  state.close(fleet)
  return reply, fleet, events.close(fleet, event, { 'BEGUN' })
end

local function rebuild_slice(fleet, given)
  claims.hold_repair(fleet.key, fleet.clock)
  return rebuild.slice(fleet, given)
end

register('batch', batch(false))
-- The same for batches that only complete or renew; called after a batch was refused because memory is full.
register('release', batch(true), { 'allow-oom' })
register('beat', beat(false))
-- The same without attributes; called after heartbeats were refused because memory is full.
register('beat_full', beat(true), { 'allow-oom' })
register('end_guard', with_event(updating(guards.finish)), { 'allow-oom' })
register('tick', tick, { 'allow-oom' })
register('recover', updating(incarnations.recover), { 'allow-oom' })
register('restore', updating(restores.run))
register('put', with_event(put))
register('finish_file', updating(fleets.finish_file))
register('delete', with_event(delete), { 'allow-oom' })
register('add_pools', with_event(updating(pool_events.adding_pools(pools.add))))
register_of_pool('set_status', statuses.set, { 'allow-oom' })
register('set_statuses', with_event(updating(pool_events.changing_statuses(statuses.set_many))), { 'allow-oom' })
register_of_pool('remove_pool', pools.remove, { 'allow-oom' })
register_of_pool('move_pool', pools.move)
register('begin_compare', begin_compare, { 'no-writes' })
register_read('compare', rebuild.slice)
register('begin_rebuild', with_event(begin_rebuild), { 'allow-oom' })
register('rebuild', updating(rebuild_slice), { 'allow-oom' })
register_read('store_audit', claims.store_audit)
register('block_repair', claims.block, { 'no-writes' })
register_read('snapshot', reads.snapshot, true)
register_read('session', reads.session)
register_read('config', reads.config)
register_read('past', history.list)
register_read('pool', pools.get)
register_read('pool_page', reads.pool_page)
register_read('pool_sessions', pools.ids)
register_read('events', events.list)
