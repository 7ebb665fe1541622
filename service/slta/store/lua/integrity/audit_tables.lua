-- The audit of a fleet's tables: the live ones, without empty classes, against the full ones. The dispatcher compares
-- the full ones with the compiled document, see `audit_tables.configuration`.

audit_tables = {}

local function text_at(fleet, name)
  return redis.call('GET', keys.of_fleet(fleet, name)) or ''
end

local function check_text(report, key, expected)
  if (redis.call('GET', key) or '') ~= expected then
    report:add(key .. ': does not match the full tables')
  end
end

local function check_order(fleet, report)
  local texts, last = order.live(fleet, text_at(fleet, 'order:full'))
  report:expect_equal('last_rank', fleet.last_rank, last)
  for _, text in ipairs(texts) do
    check_text(report, text[1], text[2])
  end
end

local function check_bound(fleet, report)
  check_text(report, keys.of_fleet(fleet, 'bound'), (tables.live(fleet, 'bound', text_at(fleet, 'bound:full'))))
end

local function check_past(fleet, report)
  for _, window in ipairs(constants.WINDOWS) do
    if not history.is_valid(fleet, window) then
      report:add(keys.of_past(fleet, window) .. ': has an invalid line')
    end
  end
end

local STEPS = { check_order, check_bound, check_past }

-- Checks one table per call. O(levels).
function audit_tables.check(fleet, report, cursor)
  local step = tonumber(cursor) or 1
  STEPS[step](fleet, report)
  return STEPS[step + 1] and tostring(step + 1)
end

-- -> {CONFIGURATION, document, version, the fields of constants.CONFIGURATION_FIELDS, then the SHA-1 of the session
-- types, of order:full, of bound:full and of each class's marginals}, all as stored. O(levels).
function audit_tables.configuration(fleet)
  local fields = constants.CONFIGURATION_FIELDS
  local stored = redis.call('HMGET', keys.of_fleet(fleet, 'cold'), 'config_version', unpack(fields, 2))
  local reply = { 'CONFIGURATION', text_at(fleet, 'document'), stored[1] or '', fleet.policy }
  for at = 2, #fields do
    reply[#reply + 1] = stored[at] or ''
  end
  reply[#reply + 1] = redis.sha1hex(fleet.types and fleet.types.sets_text or '')
  for _, name in ipairs({ 'order:full', 'bound:full' }) do
    reply[#reply + 1] = redis.sha1hex(text_at(fleet, name))
  end
  for class_index = 1, #fleet.numbers do
    reply[#reply + 1] = redis.sha1hex(redis.call('GET', keys.of_class(fleet, 'marginals', class_index)) or '')
  end
  return reply
end
