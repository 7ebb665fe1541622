-- Incarnations detect that the store has lost acknowledged writes. An incarnation is the series of writes that one
-- server process makes to a fleet. A restarted process, or a promoted replica, finds another process's incarnation in
-- the state: it begins a new one and records the fleet's revision at that moment, the fork. Writes of the previous
-- incarnation with a revision up to the fork survived; later ones are lost.
--
-- `incarnation` has 48 bits. The upper half identifies the fleet, so that a fleet deleted and created again under the
-- same name is a different one; the lower half identifies the incarnation. `incarnations` has the last MAX_RECORDED as
-- "incarnation:process:fork", the present one last.
--
-- A fork opens the window in which dispatchers restore what was lost, see `restores`. It begins at a revision that no
-- earlier incarnation has reached, so that of two acknowledgements the later one has the higher revision. While the
-- window is open `restored` maps ids to the revision of the item that has placed the session, or "call" and that of the
-- call. If the fork comes while a window is open, both are one: `fork` is that of the first.

incarnations = {}

local MAX_RECORDED = 8
local WINDOW = 5e6 -- µs after a fork, and after items that came in the window, in which items are taken
local LONGEST_WINDOW = 30e6 -- µs after a fork
local LEAP = 1e9 -- revisions that an incarnation begins beyond its fork, more than can have been lost

local process -- a hash of this process's run id; nil until first used
local current, highest = {}, {} -- by key: this process's incarnation, and the last revision
local former = {} -- by key: those that it has followed by another

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

-- The window is open for WINDOW from now: no lease, deadline or lost pool ends a session, and an unknown id is no
-- refusal, since sessions may be restored.
function incarnations.extend_window(fleet)
  fleet.recovering_until = math.min(fleet.time + WINDOW, fleet.window_end)
  fleet.hold_until = math.max(fleet.hold_until, fleet.recovering_until)
end

local function open_window(fleet)
  if fleet.recovering_until == 0 then
    fleet.fork = fleet.revision
  end
  fleet.revision, fleet.window_end = fleet.revision + LEAP, fleet.time + LONGEST_WINDOW
  incarnations.extend_window(fleet)
end

-- Whether sessions may be restored just now.
function incarnations.is_recovering(fleet)
  return fleet.time < fleet.recovering_until
end

-- Ends a window that is over. Until then calls note the sessions that they place. O(1).
function incarnations.close_window(fleet)
  if fleet.recovering_until > 0 and not incarnations.is_recovering(fleet) then
    redis.call('UNLINK', fleet.tables_of.keys.restored)
    fleet.recovering_until = 0
  end
end

-- Notes that a call has placed or moved a session; with a revision, that the item of this revision has. For an open
-- window only.
function incarnations.note(fleet, id, revision)
  local text = string.format(revision and '%d' or 'call %d', revision or fleet.revision + 1)
  records.set(fleet.tables_of.keys.restored, id, text)
end

-- Whether a call of these incarnations, or an item of a higher revision, has placed a session since the fork: the item
-- with this incarnation, as text, and revision has lost then. A call wins over items of an incarnation that is not
-- recorded: it had been lost as a whole when this one began.
function incarnations.has_placed(fleet, id, incarnation, revision)
  local word, noted = string.match(records.get(fleet.tables_of.keys.restored, id) or '', '^(%a*) ?(%d+)$')
  if word == 'call' and not string.find(' ' .. fleet.incarnations, ' ' .. incarnation .. ':', 1, true) then
    return true
  end
  return word ~= nil and tonumber(noted) > revision
end

local function number_of_fleet(incarnation)
  return math.floor(incarnation / 2 ^ constants.INCARNATION_BITS)
end

-- Begins an incarnation of the fleet with this number, 0 if it was lost, at the present revision.
local function begin(fleet, fleet_number)
  fleet_number = fleet_number > 0 and fleet_number or hash(fleet.prefix, unpack(redis.call('TIME')))
  local number = hash(process_id(), fleet.prefix, unpack(redis.call('TIME')))
  fleet.incarnation = fleet_number * 2 ^ constants.INCARNATION_BITS + number
  fleet.resumed_at = fleet.time -- heartbeats may be lost
  record(fleet)
end

-- Begins the first incarnation of a new fleet.
function incarnations.create(fleet)
  begin(fleet, 0)
  current[fleet.key], highest[fleet.key] = fleet.incarnation, 0
end

-- Called before a change: begins an incarnation if the state belongs to another process or was rolled back. Another
-- version of this library in the same process may have begun it already. O(1).
function incarnations.begin_call(fleet)
  local is_known = current[fleet.key] == fleet.incarnation
  if is_known and fleet.revision >= highest[fleet.key] then
    return
  end
  local last, is_former = string.match(fleet.incarnations, '(%S+)$') or '', former[fleet.key] or {}
  local own = string.format('^%d:%d:', fleet.incarnation, process_id())
  if is_known or is_former[fleet.incarnation] or not string.find(last, own) then
    begin(fleet, number_of_fleet(fleet.incarnation))
    open_window(fleet)
  end
end

-- Called once the state is written: only then is the incarnation this process's. A refused call writes none, so the
-- next one begins it again.
function incarnations.end_call(fleet)
  local before = current[fleet.key]
  if before and before ~= fleet.incarnation then
    former[fleet.key] = former[fleet.key] or {}
    former[fleet.key][before] = true
  end
  current[fleet.key], highest[fleet.key] = fleet.incarnation, fleet.revision
end

-- Forgets a deleted fleet.
function incarnations.drop(fleet)
  current[fleet.key], highest[fleet.key], former[fleet.key] = nil, nil, nil
end

-- For a rebuild: the incarnation and the revision that this process wrote last, 0 and 0 if it has not written the
-- fleet.
function incarnations.remembered(key)
  return current[key] or 0, highest[key] or 0
end

-- A dispatcher asks what was lost
--   -> {INCARNATIONS, incarnation, fork, …}, the present one last; only that one if the list was lost. O(1).
function incarnations.recover(fleet)
  local reply = { 'INCARNATIONS' }
  for incarnation, fork in string.gmatch(fleet.incarnations, '(%d+):%d+:(%d+)') do
    vectors.append(reply, { tonumber(incarnation), tonumber(fork) })
  end
  return reply[2] and reply or { 'INCARNATIONS', fleet.incarnation, fleet.revision }
end

-- Something is restored that was lost when this incarnation began. The first time it begins a new store epoch, which
-- invalidates earlier lists of pools. For a while no lease ends, since renewals may be lost too. O(1).
function incarnations.mark(fleet)
  if fleet.marked_incarnation ~= fleet.incarnation then
    fleet.marked_incarnation = fleet.incarnation
    fleet.store_epoch = math.max(fleet.store_epoch + 1, math.floor(fleet.clock / 1e6))
    fleet.went_back = fleet.went_back + 1
    fleet_time.resume(fleet, fleet.time)
  end
end
