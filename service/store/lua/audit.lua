-- Whether a fleet is as it must be. One call looks at one slice of it, at facts that hold at any moment, and writes
-- nothing; so what traffic changes between two slices raises no alarm. tests/audit.py looks at the same in its own way.
--
-- A slice belongs to a part of the audit and begins at a cursor, '' at first. A part is a function
--   part(fleet, look, cursor) -> the cursor to go on at, nil at the part's end
-- where `look` gathers what was found and counts the work.

audit = {}

local MOST_FOUND = 20 -- findings of one slice that are told one by one

local function text_of(value)
  local kind = type(value)
  local text = (kind == 'table' or kind == 'number') and vectors.encode(value) or tostring(value)
  return (string.gsub(string.sub(text, 1, 200), '[^%w%p ]', '?'))
end

local Look = {}

-- A finding, unless actual and expected are the same; vectors are compared as texts.
function Look.claim(look, what, actual, expected)
  if type(actual) == 'table' then
    actual, expected = vectors.encode(actual), vectors.encode(expected)
  end
  if actual ~= expected then
    look:say(what .. ': ' .. text_of(actual) .. ', expected ' .. text_of(expected))
  end
end

function Look.say(look, sentence)
  look.count = look.count + 1
  if look.count <= MOST_FOUND then
    look.found[#look.found + 1] = text_of(sentence)
  end
end

-- Notes that some commands were called; whether the slice should end now.
function Look.worked(look, commands)
  look.left = look.left - commands
  return look.left <= 0
end

local function new_look(work)
  local look = { found = {}, count = 0, left = work, leases = {} }
  for name, method in pairs(Look) do
    look[name] = method
  end
  return look
end

-- What a failed pcall says, without the line of this library.
local function why(message)
  local text = type(message) == 'table' and message.err or message
  return text_of((string.gsub(text, '^@?user_function:%d+: ', '')))
end

local PARTS -- in order; filled while a function runs, for the files of the parts are loaded after this one

local function list_parts()
  PARTS = {
    { 'fields', audit_fields.check }, { 'totals', audit_totals.check }, { 'tables', audit_tables.check },
    { 'columns', audit_pools.check_columns }, { 'members', audit_pools.check_members },
    { 'records', audit_records.check }, { 'keys', audit_keys.check }, { 'leases', audit_records.check_leases },
  }
end

-- The function of a part, and the name of the part after it, '' after the last.
local function find_part(name)
  if not PARTS then
    list_parts()
  end
  for at, part in ipairs(PARTS) do
    if part[1] == name or name == '' then
      return part[2], part[1], PARTS[at + 1] and PARTS[at + 1][1] or ''
    end
  end
  error('no part ' .. text_of(name))
end

-- A fleet's state, looked at without trust: nil and the reply where there is none to look into.
local function open(key, look)
  local read, fleet, refusal = pcall(state.read, key)
  if not read then
    look:say('state: cannot be read: ' .. why(fleet))
  elseif refusal == 'UNKNOWN_FLEET' then
    local prefix = string.sub(key, 1, -6)
    for _, name in ipairs({ 'cold', 'document', 'pools', 'sessions' }) do
      if redis.call('EXISTS', prefix .. name) == 1 then
        look:say('state: is lost')
        return nil
      end
    end
    return nil, { refusal }
  elseif refusal then
    return nil, { refusal }
  end
  return read and fleet or nil
end

-- time, part ('' for the first), cursor, work -> {AUDITED, next part or '', cursor, findings, their number, seconds
-- with a set of leases that are still to be looked at} | {UNKNOWN_FLEET} | {NEWER_FLEET} | {OLDER_FLEET}. O(work).
function audit.slice(key, now, name, cursor, work)
  local look = new_look(work)
  local fleet, refusal = open(key, look)
  if refusal then
    return refusal
  elseif not fleet then
    return { 'AUDITED', '', '', look.found, look.count, {} }
  end
  local check, part, following = find_part(name)
  local sound, next_cursor = pcall(function()
    accounting.advance(fleet, now)
    return check(fleet, look, cursor)
  end)
  if not sound then
    look:say(part .. ': cannot be looked at: ' .. why(next_cursor))
    next_cursor = nil
  end
  return { 'AUDITED', next_cursor and part or following, next_cursor or '', look.found, look.count, look.leases }
end

-- cursor -> {CENSUS, next cursor, names of fleets}: every fleet that has a state, a document, pools or sessions, on a
-- list or not. O(1000 keys).
function audit.census(cursor)
  local found = redis.call('SCAN', cursor, 'MATCH', '{*}:*', 'COUNT', 1000)
  local names = {}
  for _, key in ipairs(found[2]) do
    local name, rest = string.match(key, '^{([%w._:-]+)}:(%a+)$')
    if rest == 'state' or rest == 'document' or rest == 'pools' or rest == 'sessions' then
      names[#names + 1] = name
    end
  end
  return { 'CENSUS', found[1], names }
end
