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
local RECOVERY = 5e6 -- µs after it began, and after each call of a recovery, in which nothing ends by itself

local process -- a hash of this process's run id; nil until first used
local current, highest = {}, {} -- by key: this process's incarnation, and the last revision

-- A hash with half the bits of an incarnation.
local function hash(...)
  return tonumber(string.sub(redis.sha1hex(table.concat({ ... }, '|')), 1, constants.INCARNATION_BITS / 4), 16)
end

-- Users without permission for INFO get a random id each time the library is loaded.
local function process_id()
  if not process then
    local information = redis.pcall('INFO', 'server')
    local run_id = type(information) == 'string' and string.match(information, 'run_id:(%x+)')
    process = hash(run_id or table.concat(redis.call('TIME'), '|'))
  end
  return process
end

-- Records that the present incarnation belongs to this process and began at the present revision.
local function record(fleet)
  local words = vectors.split(fleet.incarnations)
  words[#words + 1] = string.format('%d:%d:%d', fleet.incarnation, process_id(), fleet.revision)
  fleet.incarnations = table.concat(words, ' ', math.max(1, #words - MAX_RECORDED + 1))
end

-- For RECOVERY from now no lease, deadline or lost pool ends a session, and an unknown id is no refusal, since sessions
-- may be restored.
function incarnations.extend_recovery(fleet)
  fleet.recovering_until = fleet.time + RECOVERY
  fleet.hold_until = math.max(fleet.hold_until, fleet.recovering_until)
end

-- Whether sessions may be restored just now.
function incarnations.is_recovering(fleet)
  return fleet.time < fleet.recovering_until
end

local function number_of_fleet(incarnation)
  return math.floor(incarnation / 2 ^ constants.INCARNATION_BITS)
end

-- Begins an incarnation of the fleet with this number at the present revision.
local function begin(fleet, fleet_number)
  local number = hash(process_id(), fleet.prefix, unpack(redis.call('TIME')))
  fleet.incarnation = fleet_number * 2 ^ constants.INCARNATION_BITS + number
  fleet.resumed_at = fleet.time -- heartbeats may be lost
  record(fleet)
end

-- Begins the first incarnation of a new fleet.
function incarnations.create(fleet)
  begin(fleet, hash(fleet.prefix, unpack(redis.call('TIME'))))
  current[fleet.key], highest[fleet.key] = fleet.incarnation, 0
end

-- Called before a change: begins an incarnation if the state belongs to another process or was rolled back. Another
-- version of this library in the same process may have begun it already. O(1).
function incarnations.begin_call(fleet)
  local is_known = current[fleet.key] == fleet.incarnation
  if is_known and fleet.revision >= highest[fleet.key] then
    return
  end
  local last = string.match(fleet.incarnations, '(%S+)$') or ''
  if is_known or not string.find(last, string.format('^%d:%d:', fleet.incarnation, process_id())) then
    begin(fleet, number_of_fleet(fleet.incarnation))
    incarnations.extend_recovery(fleet)
  end
end

-- Called once the state is written: only then is the incarnation this process's. A refused call writes none, so the
-- next one begins it again.
function incarnations.end_call(fleet)
  current[fleet.key], highest[fleet.key] = fleet.incarnation, fleet.revision
end

-- Forgets a deleted fleet.
function incarnations.drop(fleet)
  current[fleet.key], highest[fleet.key] = nil, nil
end

-- A dispatcher begins a recovery, or goes on with it
--   -> {INCARNATIONS, incarnation, fork, …}, the present one last; only that one if the list was lost. O(1).
function incarnations.recover(fleet)
  incarnations.extend_recovery(fleet)
  local reply = { 'INCARNATIONS' }
  for incarnation, fork in string.gmatch(fleet.incarnations, '(%d+):%d+:(%d+)') do
    vectors.append(reply, { tonumber(incarnation), tonumber(fork) })
  end
  return reply[2] and reply or { 'INCARNATIONS', fleet.incarnation, fleet.revision }
end

-- incarnation: acknowledged changes were lost when it began. The first such report begins a new store epoch, which
-- invalidates earlier lists of pools. For a while no lease ends, since renewals may be lost too.
--   -> {MARKED} | {PRESENT} if already reported, or not the present incarnation. O(1).
function incarnations.mark(fleet, given)
  if given.incarnation ~= fleet.incarnation or fleet.marked_incarnation == fleet.incarnation then
    return { 'PRESENT' }
  end
  -- writes
  fleet.marked_incarnation = fleet.incarnation
  fleet.store_epoch = math.max(fleet.store_epoch + 1, math.floor(fleet.clock / 1e6))
  fleet.went_back = fleet.went_back + 1
  fleet_time.resume(fleet, fleet.time)
  return { 'MARKED' }
end
