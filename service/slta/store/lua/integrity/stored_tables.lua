-- The tables of a fleet as they are stored: the live ones, without empty classes, follow from the full ones, which the
-- dispatcher compares with the compiled document, see `stored_tables.configuration`.

stored_tables = {}

-- A part: the live order and ranks, then the live bound. O(levels).
function stored_tables.walk(fleet, slice, cursor)
  local build = cursor == '' and order.live or order.live_bound
  local texts, last = build(fleet)
  if last then
    slice:number(fleet, 'last_rank', last)
  end
  for _, text in ipairs(texts) do
    slice:text(text[1], text[2])
  end
  return cursor == '' and 'bound' or nil
end

-- A part of audits, and what a repair begins with: the lines of the history. Those that are invalid are set aside, the
-- last one for inspection. O(lines).
function stored_tables.check_past(fleet, slice)
  for _, window in ipairs(constants.WINDOWS) do
    local key = keys.of_past(fleet, window)
    for _, line in ipairs(history.invalid(fleet, window)) do
      slice:wrong(key .. ': has an invalid line', function()
        aside.set(fleet, 'key past:' .. window, 'had the invalid line ' .. line)
        history.drop(fleet, window, line)
      end)
    end
  end
end

-- -> {CONFIGURATION, document, version, the fields of constants.CONFIGURATION_FIELDS, then the SHA-1 of the session
-- types, of order:full, of bound:full and of each class's marginals}, all as stored. O(levels).
function stored_tables.configuration(fleet)
  local fields = constants.CONFIGURATION_FIELDS
  local stored = redis.call('HMGET', keys.of_fleet(fleet, 'cold'), 'config_version', unpack(fields, 2))
  local reply = { 'CONFIGURATION', tables.text(fleet, 'document'), stored[1] or '', fleet.policy }
  for at = 2, #fields do
    reply[#reply + 1] = stored[at] or ''
  end
  reply[#reply + 1] = redis.sha1hex(fleet.types and fleet.types.sets_text or '')
  for _, name in ipairs({ 'order:full', 'bound:full' }) do
    reply[#reply + 1] = redis.sha1hex(tables.text(fleet, name))
  end
  for class_index = 1, #fleet.numbers do
    reply[#reply + 1] = redis.sha1hex(redis.call('GET', keys.of_class(fleet, 'marginals', class_index)) or '')
  end
  return reply
end
