-- Calls of the library's functions: open the fleet, run the operation, write what it has opened and changed.

calls = {}

-- The rows of a table whose words take the rest of ARGV from `first` on, each with a field for each column.
function calls.rows(args, first, columns)
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

-- Whether a fleet has its document; one that has it without a state has lost the state rather than been deleted.
function calls.has_document(key)
  return redis.call('EXISTS', string.sub(key, 1, -6) .. 'document') == 1
end

-- The fleet at the time `now`, else as from `state.read`.
local function read_at(key, now)
  local fleet, refusal, layout = state.read(key)
  if fleet then
    accounting.advance(fleet, now)
  end
  return fleet, refusal, layout
end

-- The fleet at the present time for reading; nil and the refusal if it cannot be used.
local function fleet_to_read(key, given)
  local is_read, fleet, refusal, layout = pcall(read_at, key, given.clock)
  if not is_read or refusal == 'UNKNOWN_FLEET' and calls.has_document(key) then
    return nil, { 'DAMAGED' }
  elseif not fleet then
    return nil, { refusal, layout }
  end
  return fleet
end

-- The same for writing.
function calls.present_fleet(key, given)
  local fleet, refusal = fleet_to_read(key, given)
  if fleet and not pcall(incarnations.begin_call, fleet) then
    return nil, { 'DAMAGED' }
  end
  return fleet, refusal
end

-- Wraps callback(fleet, given) -> reply, fleet, the text of an event; open(key, given) returns the fleet.
function calls.with_fleet(open, callback)
  return function(key, given)
    local fleet, refusal = open(key, given)
    if not fleet then
      return refusal
    end
    return callback(fleet, given)
  end
end

-- Writes what a call has opened and changed.
function calls.write(fleet)
  if rawget(fleet, 'guard') and fleet.layout ~= constants.UNDER_REPAIR then
    guards.settle(fleet)
  end
  if fleet.view then
    confirmed.close(fleet)
  end
  state.write(fleet)
end

-- Wraps change(fleet, given) -> reply, the text of an event: updates one fleet.
function calls.updating(change)
  return calls.with_fleet(calls.present_fleet, function(fleet, given)
    local reply, event = change(fleet, given)
    calls.write(fleet)
    return reply, fleet, event
  end)
end

-- Wraps a change that records an event of `given.author`, see `events.begin`. Appends the event's text to the
-- reply, '' without one.
function calls.with_event(callback)
  return function(key, given)
    local reply, fleet, event = callback(key, given)
    reply[#reply + 1] = event or ''
    return reply, fleet
  end
end

-- Wraps a read of one fleet, which writes nothing.
function calls.reading(read)
  return calls.with_fleet(fleet_to_read, function(fleet, given)
    local ok, reply = pcall(read, fleet, given)
    if not ok then
      state.doubt(fleet, 'a read failed: ' .. audit.error_text(reply))
    end
    return ok and reply or { 'DAMAGED' }, fleet
  end)
end
