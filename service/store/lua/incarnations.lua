-- Incarnations: which acknowledged writes a fleet's store still has. An incarnation is the series of writes of one
-- process of the server, from its first call for the fleet on. A process that was started, or a replica that was
-- promoted, finds the incarnation of another one in the state: it begins its own, and records the fleet's revision at
-- that moment, the fork. Of the incarnation before, what has a revision up to the fork is there, and what has a later
-- one is lost.
--
-- `incarnation` has 48 bits. The upper half is the fleet's own, so that a fleet that was deleted and made anew under
-- the same name is another one; the lower half is the incarnation's. `incarnations` are the last KEPT, as
-- "incarnation:process:fork", the present one last.

incarnations = {}

local KEPT = 8

local process -- this process, by its run id; nil until it is asked for
local current, highest = {}, {} -- by prefix: the incarnation that this process writes in, and the last revision

-- A number of half an incarnation's bits.
local function hash(...)
  return tonumber(string.sub(redis.sha1hex(table.concat({ ... }, '|')), 1, constants.INCARNATION_BITS / 4), 16)
end

-- A user that may not call INFO gets one for each time that the library is loaded.
local function process_id()
  if not process then
    local information = redis.pcall('INFO', 'server')
    local run_id = type(information) == 'string' and string.match(information, 'run_id:(%x+)')
    process = hash(run_id or table.concat(redis.call('TIME'), '|'))
  end
  return process
end

-- The present incarnation is this process's, and began at the present revision.
local function record(fleet)
  local words = fleet.incarnations or {}
  words[#words + 1] = string.format('%d:%d:%d', fleet.incarnation, process_id(), fleet.revision)
  if #words > KEPT then
    table.remove(words, 1)
  end
  fleet.incarnations = words
end

-- An incarnation of the fleet that has this number begins at the present revision.
local function begin(fleet, fleet_number)
  local number = hash(process_id(), fleet.prefix, unpack(redis.call('TIME')))
  fleet.incarnation = fleet_number * 2 ^ constants.INCARNATION_BITS + number
  record(fleet)
end

local function number_of_fleet(incarnation)
  return math.floor(incarnation / 2 ^ constants.INCARNATION_BITS)
end

-- A fleet begins.
function incarnations.create(fleet)
  begin(fleet, hash(fleet.prefix, unpack(redis.call('TIME'))))
  current[fleet.prefix], highest[fleet.prefix] = fleet.incarnation, 0
end

-- Before a call changes the fleet. Another version of this library may have begun the process's incarnation. O(1).
function incarnations.enter(fleet)
  local prefix = fleet.prefix
  local is_known = current[prefix] == fleet.incarnation
  if is_known and fleet.revision >= highest[prefix] then
    return
  end
  local words = fleet.incarnations or {}
  local own = string.format('^%d:%d:', fleet.incarnation, process_id())
  if is_known or not string.find(words[#words] or '', own) then
    begin(fleet, number_of_fleet(fleet.incarnation))
  end
  current[prefix], highest[prefix] = fleet.incarnation, fleet.revision
end

-- After a call has written the state.
function incarnations.leave(fleet)
  highest[fleet.prefix] = fleet.revision
end

-- What a repair knows: the incarnation is the last one recorded. The revision of a state that was lost is the last that
-- this process wrote, else that of the last fork.
function incarnations.mend(fleet)
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

-- The fleet is deleted.
function incarnations.forget(fleet)
  current[fleet.prefix], highest[fleet.prefix] = nil, nil
end

-- Whether an incarnation is one of this fleet, and not of an earlier one of the same name.
function incarnations.is_of(fleet, incarnation)
  return number_of_fleet(tonumber(incarnation)) == number_of_fleet(fleet.incarnation)
end

-- {INCARNATIONS, incarnation, fork, …}, the present one last; that one alone where the others were lost. O(1).
function incarnations.list(fleet)
  local reply = { 'INCARNATIONS' }
  for _, word in ipairs(fleet.incarnations or {}) do
    local incarnation, fork = string.match(word, '^(%d+):%d+:(%d+)$')
    reply[#reply + 1] = tonumber(incarnation)
    reply[#reply + 1] = tonumber(fork)
  end
  return reply[2] and reply or { 'INCARNATIONS', fleet.incarnation, fleet.revision }
end

-- incarnation: acknowledged changes were lost when it began. The first who says so begins a new epoch: lists of pools
-- from before no longer hold. No lease ends for a while, for renewals may be lost too.
--   -> MARKED | PRESENT when somebody said so, or when it is not the present one. O(1).
function incarnations.mark(fleet, incarnation)
  if tonumber(incarnation) ~= fleet.incarnation or fleet.marked_incarnation == fleet.incarnation then
    return { 'PRESENT' }
  end
  -- writes
  fleet.marked_incarnation = fleet.incarnation
  fleet.store_epoch = math.max(fleet.store_epoch + 1, math.floor(fleet.clock / 1e6))
  fleet.went_back = (fleet.went_back or 0) + 1
  fleet.hold_until = fleet.time + accounting.HOLD
  return { 'MARKED' }
end
