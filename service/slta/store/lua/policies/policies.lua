-- The policies, by the name that a fleet's configuration uses. The dispatcher fills in the table when it assembles the
-- library; only a policy's own file and its row in the table know its name. A policy is a table that declares what it
-- owns, with {} for none:
--
--   TOKENS      the words that a decision can name, the `tokens` of its row in Python; the vector `assigned_<token>`
--               counts them by class. A session's record keeps the first letter, so different words, also of
--               different policies, begin with different letters
--   CLASS_ROWS  bit rows of each class, keys {fleet}:<name>:<class>
--   FLEET_ROWS  bit rows of the fleet, keys {fleet}:<name>
--   NUMBERS, VECTORS  its fields of the state, reset to 0 when a fleet gets the policy; a vector has one number per
--               class. The packed state has NUMBERS, then VECTORS, then the counts of TOKENS, without names: only a
--               token can be added later, at the end; any other new field would shift those after it
--
-- A policy whose row in Python has `has_thresholds` has the fields `green` (a vector), `yellow` and `min_green`, which
-- service/slta/store/_snapshots.py reads. Its reported rank is r, and its yellow tokens belong to the class at r.
--
-- The functions (class_index and pool_index as in `keys.lua`; level is the pool's new or former occupancy):
--
--   confirm(view, stale)                          sets the counts of the policy in a view, see `confirmed.lua`; those
--                                                 of the classes that are keys of `stale` may have changed
--   prepare(fleet, view)                          before a placement: may update tokens
--   choose(view, draw, type_index)                 the pool of a session of a type, see `session_types`; an active pool
--                                                 has room for it; draw in [0, 1)
--     -> token, class_index, pool_index
--   learning_step(view) -> step                   what to learn, decided on the state just before a placement; 0 for
--                                                 nothing
--   update(fleet, step)                           after the placement: learns it
--   on_change(fleet, class_index, pool_index, level, change)  the occupancy of an active pool rose to `level` (`change`
--                                                 is 1) or fell from it (-1)
--   rebuild(fleet, reset)                         pools changed; `reset`: curves, capacities or the policy changed
--   reported_rank(fleet) -> rank                  the rank that observations show, 0 for none
--   rows(fleet, class_index) -> rules             for the audit, by key of a row: a function that returns whether an
--                                                 active pool of the class with that occupancy has a bit in the row
--   check(fleet, report)                          for the audit: calls report:expect_equal(what, stored, expected)
--                                                 for each field that is determined by other fields and rows
--   compare(fleet, draw, class_index, level,      an active pool's occupancy is about to rise to `level` by another
--     type_index) -> comparison                   dispatcher's placement: a list to append to the reply, of the
--                                                 marginal utility there first, and that of the choice fourth
--   left_out(fleet, word)                         a report was answered with this word, and changed nothing
--   best_marginal(fleet, least, type_index)       before a placement: the best marginal utility of a free place, at
--                                                 least `least`; nil to search all rows
--
-- A policy that places sessions has `choose`; one without it observes, and an assign is refused. All other functions
-- are optional; without `reported_rank` the rank is 0.
--
-- `tokens.lua` has r, thresholds and tokens for the policies that learn r; `tokens.declare` declares them.
--
-- All may read the policy's own rows and fields, the ledger's rows, and these fields of the fleet:
--
--   numbers, capacities, pools                by class: class_id, capacity, active pools
--   names                                     by class: its name, for the messages of `check`
--   masks                                     false, or of a view (see `confirmed.lua`) the rows of unconfirmed pools
--   types                                     session types, false without any, see `session_types`
--   active_pools, sessions, last_rank         active pools, the sessions on them, the worst rank that exists
--   beta_coefficient, beta_power              c and p in n*beta_n = c * n^p; cold fields, for `rebuild` only
--   exponent                                  the store's marginal utilities are those of the fleet file times 10 to it
--
-- `choose`, `learning_step`, `rows`, `check`, `compare` and `best_marginal` write nothing. The others may write the
-- policy's own rows and fields, and the fleet's counters that count steps of r: learning_steps_up, learning_steps_down.

policies = {}

-- Calls a function of the fleet's policy, if it has one of this name.
function policies.call(fleet, name, first, second, third, fourth)
  local callback = fleet.policy_table[name]
  if callback then
    return callback(fleet, first, second, third, fourth)
  end
end
