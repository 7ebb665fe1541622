-- The policies, by the name that a fleet's configuration gives. The dispatcher writes the rows when it assembles the
-- library; nothing but a policy's own file and its row knows its name. A policy is a table that declares what it owns:
--
--   LAYOUT      the layout version from which dispatchers know it: a fleet that uses it is left alone by older ones
--   TOKENS      the words that a decision can name; the vector `assigned_<token>` counts them by class
--   CLASS_ROWS  bit rows of each class, keys {fleet}:<name>:<class>
--   FLEET_ROWS  bit rows of the fleet, keys {fleet}:<name>
--   NUMBERS, VECTORS  its fields of the state; a vector has one number per class
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

function policies.of(fleet)
  return policies.BY_NAME[fleet.policy]
end

-- Calls a function of the fleet's policy if it has it.
function policies.tell(fleet, event, ...)
  local listener = policies.of(fleet)[event]
  if listener then
    return listener(fleet, ...)
  end
end

-- Calls visit(policy) for each policy that dispatchers of layout `layout` know.
function policies.each(layout, visit)
  for _, policy in pairs(policies.BY_NAME) do
    if policy.LAYOUT <= layout then
      visit(policy)
    end
  end
end

-- Rows and fields of the fleet's policy as if it had never decided. O(classes).
function policies.clear(fleet)
  local policy = policies.of(fleet)
  for _, name in ipairs(policy.FLEET_ROWS) do
    redis.call('DEL', keys.of_fleet(fleet, name))
  end
  for _, name in ipairs(policy.CLASS_ROWS) do
    for position = 1, #fleet.numbers do
      redis.call('DEL', keys.of_class(fleet, name, position))
    end
  end
  for _, field in ipairs(policy.NUMBERS) do
    fleet[field] = 0
  end
  for _, field in ipairs(policy.VECTORS) do
    fleet[field] = state.zeros(#fleet.numbers)
  end
end
