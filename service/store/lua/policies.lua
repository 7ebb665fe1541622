-- The policies, by the name that a fleet's configuration gives. The dispatcher writes the rows when it assembles the
-- library; nothing but a policy's own file and its row knows its name. A policy is a table that declares what it owns,
-- each of these, {} where it has none:
--
--   TOKENS      the words that a decision can name, the `tokens` of its row in Python; the vector `assigned_<token>`
--               counts them by class. A session's record keeps the first letter, so different words, also of
--               different policies, begin with different letters
--   CLASS_ROWS  bit rows of each class, keys {fleet}:<name>:<class>
--   FLEET_ROWS  bit rows of the fleet, keys {fleet}:<name>
--   NUMBERS, VECTORS  its fields of the state, at 0 when a fleet gets the policy; a vector has one number per class.
--               In the packed state the NUMBERS stand first, then the VECTORS, then the counts of TOKENS. So only a
--               token can be added later, at the end: any other field moves what stands behind it.
--
-- A policy whose row in Python has `has_thresholds` calls three of its fields `green` (a vector), `yellow` and
-- `min_green`: service/store/snapshots.py reads them by these names. Its reported rank is r, and its yellow tokens are
-- of the class at r.
--
-- The functions (position is a class, bit a pool in its class, level how many sessions the pool holds or held):
--
--   ready(fleet)                                  a session is about to be placed: it may mend its tokens
--   choose(fleet, draw) -> token, position, bit   where a session goes; some active pool has room; draw in [0, 1)
--   judge(fleet) -> judgement                     what it thinks of the state just before a placement
--   learn(fleet, judgement)                       what follows from that, after the placement
--   rose(fleet, position, bit, level)             an active pool came to hold `level` sessions, one more than before
--   fell(fleet, position, bit, level)             an active pool no longer holds `level` sessions
--   rebuild(fleet, afresh)                        pools came or went; `afresh`: curves, capacities or policy are others
--   reported_rank(fleet) -> rank                  the rank that observations show, 0 for none
--   rows(fleet, position) -> rules                what the audit compares its rows with: by a row's key, whether an
--                                                 active pool of the class with so many sessions has a bit in it
--   check(fleet, claim)                           calls claim(what, stored, expected) of each of its fields that
--                                                 follows from others and from counts of rows
--   compare(fleet, draw, position, level)         somebody else puts a session on an active pool, which so comes to
--     -> comparison                               hold `level` sessions: what is answered besides, as a list
--   left_out(fleet, why)                          a report was refused for this word
--   sums(fleet) -> numbers                        what stands behind the integrals, one list of the same length always
--
-- A policy that places sessions has `choose`. One without it observes: an assign is refused. Another function that a
-- policy leaves out does nothing; without `reported_rank` the rank is 0.
--
-- `tokens.lua` keeps r, thresholds and tokens for the policies that learn r; they name its lists and functions.
--
-- All may read the policy's own rows and fields, the ledger's rows, and these fields of the fleet:
--
--   numbers, capacities, pool_counts          by class: its permanent number, its capacity, its active pools
--   class_names                               by class: its name, for what `check` says
--   active_pools, session_count, last_rank    active pools, the sessions on them, the worst rank that exists
--   time                                      fleet time in µs
--   beta_coefficient, beta_power              c and p with n*beta_n = c * n^p; they are cold: for `rebuild` only
--   exponent                                  the store's marginal utilities are those of the fleet file times 10 to it
--
-- `choose`, `judge`, `rows`, `check` and `sums` write nothing. The others may write the policy's own rows and fields,
-- and the counters of the fleet that count steps of r: steps_up, steps_down.

policies = {}
policies.BY_NAME = {} -- @POLICIES@

local packed_fields = {} -- by policy, filled while functions run
local by_letter -- the words of all policies, listed when they are first needed

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

-- Calls visit(token) once for each word that a decision of any policy can name; two policies may have the same.
function policies.each_token(visit)
  local visited = {}
  for _, policy in pairs(policies.BY_NAME) do
    for _, token in ipairs(policy.TOKENS) do
      if not visited[token] then
        visited[token] = true
        visit(token)
      end
    end
  end
end

-- The word of any policy that begins with this letter; nil for none.
function policies.token(letter)
  if not by_letter then
    by_letter = {}
    policies.each_token(function(token)
      by_letter[string.sub(token, 1, 1)] = token
    end)
  end
  return by_letter[letter]
end

-- Whether the fleet's policy owns a row of this name: of a class, or without `position` of the fleet.
function policies.owns(fleet, name, position)
  return vectors.has(position and fleet.rules.CLASS_ROWS or fleet.rules.FLEET_ROWS, name)
end

-- Calls a function of the fleet's policy if it has it.
function policies.tell(fleet, event, first, second, third)
  local listener = fleet.rules[event]
  if listener then
    return listener(fleet, first, second, third)
  end
end

-- Rows and fields of the fleet's policy as if it had never decided. O(classes).
function policies.clear(fleet)
  policies.clear_rows(fleet)
  for _, field in ipairs(fleet.rules.NUMBERS) do
    fleet[field] = 0
  end
end

-- Rows, and the vectors that go with them. O(classes).
function policies.clear_rows(fleet)
  for _, name in ipairs(fleet.rules.FLEET_ROWS) do
    redis.call('DEL', keys.of_fleet(fleet, name))
  end
  for _, name in ipairs(fleet.rules.CLASS_ROWS) do
    for position = 1, fleet.classes do
      redis.call('DEL', keys.of_class(fleet, name, position))
    end
  end
  for _, field in ipairs(fleet.rules.VECTORS) do
    fleet[field] = vectors.zeros(fleet.classes)
  end
end
