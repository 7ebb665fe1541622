-- The policies, by the name that a fleet's configuration gives. The dispatcher writes the rows when it assembles the
-- library; nothing but a policy's own file and its row knows its name. A policy is a table that declares what it owns:
--
--   LAYOUT      the layout version from which dispatchers know it: a fleet that uses it is left alone by older ones
--   TOKENS      the words that a decision can name; the vector `assigned_<token>` counts them by class
--   CLASS_ROWS  bit rows of each class, keys {fleet}:<name>:<class>
--   FLEET_ROWS  bit rows of the fleet, keys {fleet}:<name>
--   NUMBERS, VECTORS  its fields of the state, at 0 when a fleet gets the policy; a vector has one number per class.
--               New ones go to the end of a list that has no VECTORS behind it: see state.lua
--
-- and has these functions (position is a class, bit a pool in its class, level how many sessions the pool holds or
-- held):
--
--   choose(fleet, draw) -> token, position, bit   where a session goes; some active pool has room; draw in [0, 1)
--   judge(fleet) -> judgement                     what it thinks of the state just before a placement
--   learn(fleet, judgement)                       what follows from that, after the placement
--   rose(fleet, position, bit, level)             an active pool came to hold `level` sessions, one more than before
--   fell(fleet, position, bit, level)             an active pool no longer holds `level` sessions
--   rebuild(fleet, afresh)                        pools came or went; `afresh`: curves, capacities or policy are others
--   reported_rank(fleet) -> rank                  the rank that observations show, 0 for none
--
-- `choose` is a must. What a policy leaves out does nothing, and `reported_rank` says 0. `choose` and `judge` write
-- nothing; the others may write the policy's own rows and fields only.

policies = {}
policies.BY_NAME = {} -- @POLICIES@

local packed_fields = {} -- by policy, filled while functions run

-- The fields of a policy's block of the state, in order, and which of them are vectors.
function policies.fields(policy)
  local known = packed_fields[policy]
  if not known then
    known = { list = {}, vectors = {} }
    packed_fields[policy] = known
    local function add(field, is_vector)
      known.list[#known.list + 1] = field
      known.vectors[field] = is_vector
    end
    for _, field in ipairs(policy.NUMBERS) do
      add(field)
    end
    for _, field in ipairs(policy.VECTORS) do
      add(field, true)
    end
    for _, token in ipairs(policy.TOKENS) do
      add('assigned_' .. token, true)
    end
  end
  return known.list, known.vectors
end

-- Calls visit(token) for each word that a decision of any policy can name.
function policies.each_token(visit)
  for _, policy in pairs(policies.BY_NAME) do
    for _, token in ipairs(policy.TOKENS) do
      visit(token)
    end
  end
end

-- Calls a function of the fleet's policy if it has it.
function policies.tell(fleet, event, ...)
  local listener = fleet.rules[event]
  if listener then
    return listener(fleet, ...)
  end
end

-- Rows and fields of the fleet's policy as if it had never decided. O(classes).
function policies.clear(fleet)
  for _, name in ipairs(fleet.rules.FLEET_ROWS) do
    redis.call('DEL', keys.of_fleet(fleet, name))
  end
  for _, name in ipairs(fleet.rules.CLASS_ROWS) do
    for position = 1, fleet.classes do
      redis.call('DEL', keys.of_class(fleet, name, position))
    end
  end
  for _, field in ipairs(fleet.rules.NUMBERS) do
    fleet[field] = 0
  end
  for _, field in ipairs(fleet.rules.VECTORS) do
    fleet[field] = vectors.zeros(fleet.classes)
  end
end
