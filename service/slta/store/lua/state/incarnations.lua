-- Incarnations detect that the store has lost acknowledged writes. An incarnation is the series of writes that one
-- server process makes to a fleet. A restarted process, or a promoted replica, finds another process's incarnation in
-- the state: it begins a new one and records the fleet's revision at that moment, the fork. Writes of the previous
-- incarnation with a revision up to the fork survived; later ones are lost.
--
-- `incarnation` has 48 bits. The upper half identifies the fleet, so that a fleet deleted and created again under the
-- same name is a different one; the lower half identifies the incarnation. `incarnations` has the last MAX_RECORDED as
-- "incarnation:process:fork", the present one last.

incarnations = {}

local MAX_RECORDED = 8
-- µs after it began, and after each call of a recovery, in which nothing ends by itself. A dispatcher may hear of it by
-- its next tick only, see `ticks`.
incarnations.RECOVERY = 5e6

local process -- a hash of this process's run id; nil until first used
local current, highest = {}, {} -- by prefix: this process's incarnation, and the last revision

-- A hash with half the bits of an incarnation.
local function hash(...)
  return tonumber(string.sub(redis.sha1hex(table.concat({ ... }, '|')), 1, constants.INCARNATION_BITS / 4), 16)
end

-- The server's run id; '' if the user may not call INFO.
function incarnations.run_id()
  local information = redis.pcall('INFO', 'server')
  return type(information) == 'string' and string.match(information, 'run_id:(%x+)') or ''
end

-- Users without permission for INFO get a random id each time the library is loaded.
local function process_id()
  if not process then
    local run_id = incarnations.run_id()
    process = hash(run_id ~= '' and run_id or table.concat(redis.call('TIME'), '|'))
  end
  return process
end

-- Records that the present incarnation belongs to this process and began at the present revision.
local function record(fleet)
  cold.load(fleet, 'incarnations')
  local words = fleet.incarnations or {}
  words[#words + 1] = string.format('%d:%d:%d', fleet.incarnation, process_id(), fleet.revision)
  if #words > MAX_RECORDED then
    table.remove(words, 1)
  end
  fleet.incarnations = words
end

-- For RECOVERY from now no lease, deadline or lost pool ends a session, and an unknown id is no refusal, since facts
-- may be replayed. `recovering_until` is 0 once none can be any more.
function incarnations.extend_recovery(fleet)
  cold.set(fleet, 'recovering_until', false) -- written without being read, as `cold` may be damaged
  cold.set(fleet, 'held_until', false)
  fleet.recovering_until = fleet.time + incarnations.RECOVERY
  fleet.hold_until = math.max(fleet.hold_until, fleet.recovering_until)
  fleet.held_until = fleet.hold_until
end

-- Whether facts may be replayed just now. O(1).
function incarnations.is_recovering(fleet)
  if fleet.time >= fleet.hold_until then
    return false
  end
  cold.load(fleet, 'recovering_until')
  return fleet.time < (fleet.recovering_until or 0)
end

-- Begins an incarnation of the fleet with this number at the present revision.
local function begin(fleet, fleet_number)
  local number = hash(process_id(), fleet.prefix, unpack(redis.call('TIME')))
  fleet.incarnation = fleet_number * 2 ^ constants.INCARNATION_BITS + number
  cold.set(fleet, 'resumed_at', false)
  fleet.resumed_at = fleet.time -- heartbeats may be lost
  record(fleet)
end

local function number_of_fleet(incarnation)
  return math.floor(incarnation / 2 ^ constants.INCARNATION_BITS)
end

-- Begins the first incarnation of a new fleet.
function incarnations.create(fleet)
  begin(fleet, hash(fleet.prefix, unpack(redis.call('TIME'))))
  current[fleet.prefix], highest[fleet.prefix] = fleet.incarnation, 0
end

-- Called before a change: begins an incarnation if the state belongs to another process or was rolled back. Another
-- version of this library in the same process may have begun it already. O(1).
function incarnations.begin_call(fleet)
  local prefix = fleet.prefix
  local is_known = current[prefix] == fleet.incarnation
  if is_known and fleet.revision == highest[prefix] then
    return
  end
  cache.forget_frontiers(fleet)
  if is_known and fleet.revision > highest[prefix] then
    return
  end
  cold.load(fleet, 'incarnations')
  local words = fleet.incarnations or {}
  local own = string.format('^%d:%d:', fleet.incarnation, process_id())
  if is_known or not string.find(words[#words] or '', own) then
    begin(fleet, number_of_fleet(fleet.incarnation))
    incarnations.extend_recovery(fleet)
  end
end

-- Called once the state is written: only then is the incarnation this process's. A refused call writes none, so the
-- next one begins it again.
function incarnations.end_call(fleet)
  current[fleet.prefix], highest[fleet.prefix] = fleet.incarnation, fleet.revision
end

-- For a repair: restores the last recorded incarnation. If the state was lost, the revision is the last one that this
-- process wrote, else that of the last fork.
function incarnations.repair(fleet)
  local prefix, words = fleet.prefix, fleet.incarnations
  local is_lost = number_of_fleet(fleet.incarnation) == 0
  local last, fork = string.match(words[#words] or '', '^(%d+):%d+:(%d+)$')
  fleet.incarnation = tonumber(last) or is_lost and current[prefix] or fleet.incarnation
  if is_lost then
    fleet.revision = fleet.incarnation == current[prefix] and highest[prefix] or 0
  end
  fleet.revision = math.max(fleet.revision, tonumber(fork) or 0)
  if number_of_fleet(fleet.incarnation) == 0 then
    incarnations.create(fleet)
  elseif not last then
    record(fleet)
  end
end

-- Forgets a deleted fleet.
function incarnations.drop(fleet)
  current[fleet.prefix], highest[fleet.prefix] = nil, nil
end

-- Whether an incarnation belongs to this fleet, not to an earlier one of the same name.
function incarnations.is_of(fleet, incarnation)
  return number_of_fleet(tonumber(incarnation)) == number_of_fleet(fleet.incarnation)
end

-- A dispatcher begins a recovery, or goes on with it
--   -> {INCARNATIONS, incarnation, fork, …}, the present one last; only that one if the list was lost. O(1).
function incarnations.recover(fleet)
  incarnations.extend_recovery(fleet)
  cold.load(fleet, 'incarnations')
  local reply = { 'INCARNATIONS' }
  for _, word in ipairs(fleet.incarnations or {}) do
    local incarnation, fork = string.match(word, '^(%d+):%d+:(%d+)$')
    reply[#reply + 1] = tonumber(incarnation)
    reply[#reply + 1] = tonumber(fork)
  end
  return reply[2] and reply or { 'INCARNATIONS', fleet.incarnation, fleet.revision }
end

-- incarnation: acknowledged changes were lost when it began. The first such report begins a new store epoch, which
-- invalidates earlier lists of pools. For a while no lease ends, since renewals may be lost too.
--   -> {MARKED} | {PRESENT} if already reported, or not the present incarnation. O(1).
function incarnations.mark(fleet, given)
  cold.load(fleet, 'marked_incarnation', 'store_epoch', 'went_back')
  if given.incarnation ~= fleet.incarnation or fleet.marked_incarnation == fleet.incarnation then
    return { 'PRESENT' }
  end
  -- writes
  fleet.marked_incarnation = fleet.incarnation
  fleet.store_epoch = math.max(fleet.store_epoch + 1, math.floor(fleet.clock / 1e6))
  fleet.went_back = fleet.went_back + 1
  fleet_time.resume(fleet, fleet.clock, fleet.time)
  return { 'MARKED' }
end
