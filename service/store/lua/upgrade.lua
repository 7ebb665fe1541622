-- From layout 1, where {fleet}:state was a hash of all fields as text, to the present one.

upgrade = {}

-- The hash at `key` by field.
local function read_hash(key)
  local flat, stored = redis.call('HGETALL', key), {}
  for at = 1, #flat, 2 do
    stored[flat[at]] = flat[at + 1]
  end
  return stored
end

-- A fleet in the present form. In layout 1 the integrals were one vector, and a policy that the fleet never had had no
-- fields.
local function convert(key, stored, rules)
  local fleet = state.new(key)
  fleet.policy, fleet.rules, fleet.layout = stored.policy, rules, rules.LAYOUT
  fleet.classes = #vectors.split(stored.numbers)
  state.each_field(rules, function(field, kind, name)
    local empty = kind == 'vector' and vectors.zeros(fleet.classes) or fleet[field] or 0
    fleet[field] = stored[name] and vectors.decode(kind, stored[name]) or empty
  end)
  for _, token in ipairs(rules.TOKENS) do
    fleet.cold['assigned_' .. token] = nil
  end
  local integrals = vectors.split(stored.integrals, true)
  fleet.sessions_high, fleet.sessions_low = integrals[1], integrals[2]
  fleet.utility_high, fleet.utility_low = integrals[3], integrals[4]
  fleet.optimum_high, fleet.optimum_low = integrals[5], integrals[6]
  fleet.older_ended = redis.call('HLEN', keys.of_ended(fleet, 1 - fleet.ended_generation))
  memory.number_classes(fleet)
  return fleet
end

-- The key of a fleet's state -> {UPGRADED} | {PRESENT} when it has the present layout | {UNKNOWN_FLEET}
-- | {NEWER_FLEET}.
-- From then on dispatchers that know layout 1 alone hear errors, and change nothing. O(fields).
function upgrade.run(key)
  local _, refusal = state.read(key)
  if refusal ~= 'OLDER_FLEET' then
    return { refusal or 'PRESENT' }
  end
  local stored = read_hash(key)
  local rules = policies.BY_NAME[stored.policy]
  if not rules then
    return { 'NEWER_FLEET' }
  end
  -- writes
  local fleet = convert(key, stored, rules)
  redis.call('DEL', key)
  memory.renew(fleet)
  state.write(fleet)
  return { 'UPGRADED' }
end
