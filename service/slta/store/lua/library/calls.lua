-- Calls of the library's functions: open the fleet, run the operation, write what it has opened and changed.

calls = {}

-- The time in µs that a call was given, '' for the server's.
function calls.clock(given)
  return tonumber(given) or fleet_time.server_time()
end

-- Whether a fleet without a state has lost it rather than been deleted: its document still exists.
local function is_lost(key)
  return redis.call('EXISTS', string.sub(key, 1, -6) .. 'document') == 1
end

-- The fleet at the present time for reading; nil and the refusal if it cannot be used.
local function fleet_to_read(key_list, args)
  local is_read, fleet, refusal, layout = pcall(state.read, key_list[1])
  if not is_read or refusal == 'UNKNOWN_FLEET' and is_lost(key_list[1]) then
    return nil, { 'DAMAGED' }
  elseif not fleet then
    return nil, { refusal, layout }
  end
  accounting.advance(fleet, calls.clock(args[1]))
  return fleet
end

-- The same for writing.
function calls.present_fleet(key_list, args)
  local fleet, refusal = fleet_to_read(key_list, args)
  if fleet and not pcall(incarnations.begin_call, fleet) then
    return nil, { 'DAMAGED' }
  end
  return fleet, refusal
end

-- Wraps callback(fleet, args) -> reply, fleet, the text of an event; open(key_list, args) returns the fleet.
function calls.with_fleet(open, callback)
  return function(key_list, args)
    local fleet, refusal = open(key_list, args)
    if not fleet then
      return refusal
    end
    return callback(fleet, args)
  end
end

-- Writes what a call has opened and changed.
function calls.write(fleet)
  if fleet.liveness then
    guards.write(fleet)
  end
  if fleet.view then
    confirmed.close(fleet)
  end
  state.write(fleet)
end

-- Wraps change(fleet, arguments after the time) -> reply, the text of an event: updates one fleet.
function calls.updating(change)
  return calls.with_fleet(calls.present_fleet, function(fleet, args)
    local reply, event = change(fleet, unpack(args, 2))
    calls.write(fleet)
    return reply, fleet, event
  end)
end

-- Wraps a change that records an event; ARGV[2] is its author, see `events.begin`. Appends the event's text to the
-- reply, '' without one.
function calls.with_event(callback)
  return function(key_list, args)
    local reply, fleet, event = callback(key_list, args)
    reply[#reply + 1] = event or ''
    return reply, fleet
  end
end

-- Wraps a read of one fleet, which writes nothing.
function calls.reading(read)
  return calls.with_fleet(fleet_to_read, function(fleet, args)
    local ok, reply = pcall(read, fleet, unpack(args, 2))
    return ok and reply or { 'DAMAGED' }, fleet
  end)
end
