-- Placements: a session goes to the pool that the policy chooses.

placements = {}

local COUNTERS = {
  green = 'assigned_green', yellow = 'assigned_yellow', none = 'assigned_none', open = 'assigned_open',
}
local LETTERS = { green = 'g', yellow = 'y', none = 'n', open = 'o' }

local function replay_assign(fleet, id, session, lease, options)
  if string.find(options, ' touch', 1, true) then
    sessions.restart_lease(fleet, id, session, lease)
  end
  return sessions.with_labels(fleet, options, sessions.reply(fleet, 'REPLAYED', session))
end

-- What the classes of a kind lack, if they have no free place.
local function lack(fleet, kind, free)
  if free > 0 then
    return nil
  elseif fleet.tables_of.types then
    return types.refusal(fleet, kind)
  end
  return { fleet.tables_of.active == 0 and 'NO_ACTIVE_POOL' or 'FULL' }
end

-- The refusal of an assign of this kind, which is counted; nil if a pool has room for it. O(log ids that were refused),
-- O(classes) with types.
local function refuse(fleet, id, kind, options)
  local free = policies.free(fleet, kind)
  local full = lack(fleet, kind, free)
  local is_low = free <= fleet.tables_of.reserve_for_priority and string.find(options, ' low', 1, true)
  if full then
    local counter = full[1] == 'FULL' and 'rejected_no_capacity' or 'rejected_no_active_pool'
    fleet[counter] = fleet[counter] + 1
    types.add(fleet, full[1] == 'FULL' and 'full' or 'inactive', kind, 1)
    if not is_low then
      refused_ids.add(fleet, id)
    end
    return full
  elseif is_low then
    fleet.rejected_low_priority = fleet.rejected_low_priority + 1
    return { 'LOW_PRIORITY' }
  end
end

-- Places a session of a kind by the policy: returns the session and its token. O(classes + log pools), O(classes *
-- types) with types.
local function put(fleet, id, kind, lease, draw)
  local token, class, number, step = policies.choose(fleet, draw, kind)
  local place = pool_records.at(fleet, number)
  local best = differences.is_drawn(draw) and policies.best_marginal(fleet, kind, -math.huge)
  local begun = sessions.begin(fleet, id, kind, place, lease, 'assigned', LETTERS[token])
  if best then
    local here = fleet.tables_of.marginals[class][tonumber(begun.level)]
    differences.add(fleet, 'placed', here, math.max(here, best))
  end
  if step ~= 0 then
    fleet.tables_of.policy_table.step(fleet, step)
  end
  state.add(fleet, COUNTERS[token], class, 1)
  types.add(fleet, 'assigned', kind, 1)
  return begun, token
end

-- id, lease in µs ('' for the fleet's, 0 for none), draw in [0, 1), options: " touch" to renew the lease of a live
-- session, " labels" for the labels of its pool, " low" for a low priority, " type:" and the session's type
--   -> ASSIGNED pool_id class lease start due token | REPLAYED pool_id class lease start due ''
--    | ENDED reason pool_id | OBSERVES | NO_ACTIVE_POOL | FULL, both with type and its classes if the fleet has types
--    | LOW_PRIORITY | UNKNOWN_SESSION_TYPE name, those that exist
-- O(classes + log pools), O(classes * types) with types.
function placements.assign(fleet, id, lease, draw, options)
  local session = sessions.read(fleet, id)
  if session then
    return replay_assign(fleet, id, session, lease, options)
  end
  local ended, ended_on = ended_ids.find(fleet, id)
  if ended then
    return ended, ended_on
  elseif fleet.tables_of.policy_table.observes then
    return { 'OBSERVES' }
  end
  local kind, unknown = 1, nil
  if options ~= '' then
    kind, unknown = types.of_options(fleet, options)
  end
  local refusal = unknown or refuse(fleet, id, kind, options)
  if refusal then
    return refusal
  end
  -- writes
  local begun, token = put(fleet, id, kind, sessions.lease(fleet, lease), draw + 0)
  return sessions.with_labels(fleet, options, sessions.reply(fleet, 'ASSIGNED', begun, token))
end
