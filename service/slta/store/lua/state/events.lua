-- Events: administrative changes and refused attempts, in {fleet}:events, a list of JSON texts, newest first, written
-- atomically with the change. If the list cannot be written, the change is still made; the audit reports the damage.

events = {}

local MAX_EVENTS = 100
events.MAX_IDS = 5 -- of changed pools, and of sessions, that an event names

-- Reply words of a change that the fleet's present state forbids (409 and 412 of the API), and of a successful change.
-- Other replies create no event.
local REFUSED = {
  IN_OTHER_CLASS = true, LIMIT = true, NOT_EMPTY = true, IN_USE = true, CLASS_IN_USE = true,
  CAPACITY_BELOW_OCCUPANCY = true, VERSION_MISMATCH = true, SESSION_TYPE_IN_USE = true,
}
local DONE = {
  CONFIGURED = true, DELETED = true, CREATED = true, POOL = true, CHANGED = true, REMOVED = true, BEGUN = true,
  GUARDED = true,
}

local FACTS = { 'config_version', 'policy', 'pool_class', 'status', 'pool_address', 'drain_until', 'drain_then' }

-- The type of each field, and whether the field is optional.
local FIELDS = {
  at = { 'number' }, time = { 'number' }, action = { 'string' }, outcome = { 'string' }, times = { 'number' },
  request_id = { 'string' }, key_id = { 'string' }, address = { 'string' },
  pool_id = { 'string', true }, pools = { 'number', true }, pool_ids = { 'table', true },
  sessions = { 'number', true }, session_ids = { 'table', true }, session_type = { 'string', true },
  before = { 'table', true }, after = { 'table', true },
}

-- Decodes an event; nil if the text is not a valid one.
local function parse(text)
  local read, event = pcall(cjson.decode, text)
  if not read or type(event) ~= 'table' then
    return nil
  end
  for field, kind in pairs(FIELDS) do
    if type(event[field]) ~= kind[1] and not (kind[2] and event[field] == nil) then
      return nil
    end
  end
  return event
end

-- The facts that an event records of a fleet; nil without a fleet.
function events.describe_fleet(fleet)
  if not fleet then
    return nil
  end
  return { config_version = fleet.config_version, policy = fleet.tables_of.policy }
end

-- Micros as seconds, to the millisecond.
function events.seconds(micros)
  return math.floor(micros / 1e3) / 1e3
end

-- Starts an event for an action on a fleet (nil if it does not exist yet) at the server's time in µs. `author` is
-- "request_id key_id address".
function events.begin(action, fleet, now, author)
  local request_id, key_id, address = string.match(author, '^(%S*) (%S*) (%S*)$')
  return {
    at = events.seconds(now), time = events.seconds(fleet and fleet.time or 0),
    action = action, outcome = 'DONE', times = 1,
    request_id = request_id or '', key_id = key_id or '', address = address or '',
  }
end

local function differ(before, after)
  before, after = before or {}, after or {}
  for _, fact in ipairs(FACTS) do
    if before[fact] ~= after[fact] then
      return true
    end
  end
  return false
end

-- Whether an event extends the newest one: the same refusal repeated, or more pools of the same request.
local function continues(newest, event)
  for _, field in ipairs({ 'action', 'outcome', 'key_id', 'address' }) do
    if event[field] ~= newest[field] then
      return false
    end
  end
  if event.outcome ~= 'DONE' then
    return event.pool_id == newest.pool_id and event.session_type == newest.session_type
  end
  local both_add = event.action == 'add_pools' and event.pools and newest.pools and newest.after
  return both_add and event.request_id ~= '' and event.request_id == newest.request_id
end

-- Merges the newest event into this one if this one extends it.
local function merge_newest(fleet, event)
  local text = redis.pcall('LINDEX', fleet.prefix .. 'events', 0)
  local newest = type(text) == 'string' and parse(text)
  if not newest or not continues(newest, event) then
    return
  end
  event.times = event.outcome == 'DONE' and 1 or newest.times + 1
  if event.pools then
    event.pools, event.pool_id = event.pools + newest.pools, nil
    if event.after.pool_class ~= newest.after.pool_class then
      event.after.pool_class = nil
    end
  end
  redis.pcall('LTRIM', fleet.prefix .. 'events', 1, -1)
end

-- Completes an event with the outcome in `reply`, and stores it unless the fleet is deleted or was never created.
-- Returns its text, '' if nothing changed. O(1).
function events.close(fleet, event, reply)
  if REFUSED[reply[1]] then
    event.outcome, event.after, event.pools = reply[1], event.before, nil
    local is_of_type = reply[1] == 'SESSION_TYPE_IN_USE'
    event.session_type, event.sessions = is_of_type and reply[2] or nil, is_of_type and reply[3] or nil
  elseif not DONE[reply[1]] or not (reply[1] == 'BEGUN' or event.pools or differ(event.before, event.after)) then
    return ''
  end
  if not fleet or reply[1] == 'DELETED' then
    return cjson.encode(event)
  end
  merge_newest(fleet, event)
  return events.store(fleet, event)
end

-- Stores an event as the newest one, and returns its text. O(1).
function events.store(fleet, event)
  local text = cjson.encode(event)
  if type(redis.pcall('LPUSH', fleet.prefix .. 'events', text)) == 'number' then
    redis.pcall('LTRIM', fleet.prefix .. 'events', 0, MAX_EVENTS - 1)
  end
  return text
end

-- The value that a field has in every row; nil if they differ.
function events.common(list, field)
  local value = list[1][field]
  for _, row in ipairs(list) do
    value = row[field] == value and value or nil
  end
  return value
end

-- Starts an event of pools, { pool_id, class }, or of a class, without pool_id; none may be empty.
function events.of_pools(fleet, action, found, author)
  local event = events.begin(action, fleet, fleet.clock, author)
  event.before, event.pools = { pool_class = fleet.tables_of.names[events.common(found, 'class') or 0] }, #found
  event.pool_id = #found == 1 and found[1].pool_id or nil
  local ids = {}
  for at = 1, math.min(#found, events.MAX_IDS) do
    ids[at] = found[at].pool_id
  end
  event.pool_ids = ids[1] and ids -- an empty list would be written as an object
  return event
end

-- Records what a tick did to pools, as above; it has no author. `count` is their number, if it is not that of `found`.
function events.note(fleet, action, found, count)
  local event = events.of_pools(fleet, action, found, '')
  event.pools = count or event.pools
  events.store(fleet, event)
end

-- Calls visit(text, event) for each entry of the list, newest first; the event is nil if it is not valid. O(1).
local function each_entry(fleet, visit)
  for at, text in ipairs(redis.call('LRANGE', fleet.prefix .. 'events', 0, MAX_EVENTS)) do
    visit(text, at <= MAX_EVENTS and parse(text))
  end
end

-- -> {EVENTS, text, …}, newest first. O(1).
function events.list(fleet)
  local found = { 'EVENTS' }
  each_entry(fleet, function(text, event)
    found[#found + 1] = event and text or nil
  end)
  return found
end

-- Whether a text is a valid event.
function events.is_valid(text)
  return parse(text) ~= nil
end
