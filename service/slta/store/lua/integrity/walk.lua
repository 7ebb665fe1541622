-- The walk through all that a fleet has stored: one list of parts, in order, for three verbs. An audit reports what is
-- not as it has to be, a survey previews what a repair would set aside, and a repair writes. A part runs for the verbs
-- that it names. What a record has to be, the part knows; what becomes of it, the verb, by the functions of its slice:
--
--   record(fleet, kind, id, text, normal, why, pool_id)  a record and what it has to be; nil and why if it cannot be
--                                                 kept, with the id of its pool if it can be while that has a name
--   named(fleet, pool, pool_number)               a pool whose name and bit exist, as its record was salvaged
--   place(fleet, pool) -> whether                 the name and the bit of a pool; whether it has a number
--   timer(fleet, member, due, latest, is_optional, earliest)  a timer that a pool can have, see `stored_pools`
--   count(fleet, pool, occupancy)                 each pool with its sessions
--   counted(fleet, is_complete)                   the end of a call that counted pools, all of them if `is_complete`
--   orphans(fleet, pool_number) -> commands       the ids in the set of a pool; the number of commands used
--   bits(key, block, bits)                        a block of a row, see `bit_blocks`
--   make_pool(fleet, id, session) -> number       a session's pool has no record; its number if the session may stay
--   member(key, id)                               an id belongs to a set
--   over(fleet, id, name)                         a live session is in this key of ended ones
--   at_most(fleet, field, latest)                 a number of the state may not be above another
--   wrong(sentence, mend)                         something is not as it has to be; mend() writes what it has to be
--   number(fleet, field, value)                   a number of the state that follows from others
--   text(key, value)                              a text that does
--   key(fleet, name, key, kind) -> whether        a key and its type; whether it is a set to be looked into
--   set(fleet, name, position) -> position        looks into a set, see `slices.each_key`
--   back(fleet, what, record, key, field)         a record that was set aside and can be put back
--
-- A survey has `is_survey`, and only those functions that its parts call.

walk = {}

-- The part of one hash in which fault(fleet, hash, field, value) says what is wrong with a field, nil if nothing is.
local function fields(hash, fault)
  return function(fleet, slice, cursor)
    return slices.each_pair(fleet, hash, slice, cursor, function(field, value)
      local why = fault(fleet, hash, field, value)
      slice:record(fleet, hash, field, value, not why and value or nil, why)
    end)
  end
end

local PARTS = {
  { 'fields', 'report', field_values.check },
  { 'totals', 'report', totals.check },
  { 'past', 'report', stored_tables.check_past },
  { 'names', 'preview write', stored_pools.walk_names },
  { 'aside', 'preview write', aside.walk },
  { 'timers', 'report write', stored_pools.walk_timers },
  { 'forget', 'write', repair_writes.forget },
  { 'pools', 'report preview write', stored_pools.walk },
  { 'addresses', 'report write', fields('addresses', attributes.fault) },
  { 'labels', 'report write', fields('labels', attributes.fault) },
  { 'quality', 'report write', fields('quality', quality.fault) },
  { 'orphans', 'report write', orphans.walk },
  { 'keys', 'report preview write', stored_keys.walk },
  { 'sampled', 'report write', pool_columns.check_sampled },
  { 'records', 'report preview write', session_records.walk },
  { 'columns', 'report write', pool_columns.walk },
  { 'types', 'report', audit_types.count },
  { 'support', 'write', totals.count_pools },
  { 'tables', 'report write', stored_tables.walk },
  { 'totals', 'write', totals.finish },
}

-- The function and the name of a part of a verb, by default the first, and the name of its next one, '' after the last.
function walk.find(verb, name)
  local parts, at = {}, 1
  for _, part in ipairs(PARTS) do
    if string.find(part[2], verb, 1, true) then
      parts[#parts + 1] = part
      at = part[1] == name and #parts or at
    end
  end
  return parts[at][3], parts[at][1], parts[at + 1] and parts[at + 1][1] or ''
end
