-- Placements: a session goes to the pool that the policy chooses.

placements = {}

local function replay_assign(fleet, id, session, lease, options)
  if string.find(options, ' touch', 1, true) then
    sessions.restart_lease(fleet, id, session, lease)
  end
  return sessions.with_labels(fleet, options, sessions.reply(fleet, 'REPLAYED', session))
end

-- The refusal of an assign of this type, which is counted; nil if a pool has room for it. O(log ids that were refused),
-- O(classes) with types.
local function refuse(fleet, id, type_index, options)
  local free, full = fleet.room_for - fleet.sessions, nil
  if fleet.types then
    free = session_types.free(fleet, type_index)
    full = free == 0 and session_types.refusal(fleet, type_index)
  elseif fleet.active_pools == 0 then
    full = { 'NO_ACTIVE_POOL' }
  elseif free == 0 then
    full = { 'FULL' }
  end
  local is_low = free <= fleet.reserve_for_priority and string.find(options, ' low', 1, true)
  if full then
    local is_full = full[1] == 'FULL'
    state.count(fleet, is_full and 'rejected_no_capacity' or 'rejected_no_active_pool')
    session_types.count(fleet, is_full and 'full' or 'inactive', type_index)
    if not is_low then
      refused_ids.add(fleet, id)
    end
    return full
  elseif is_low then
    state.count(fleet, 'rejected_low_priority')
    return { 'LOW_PRIORITY' }
  end
end

-- Places a session of a type by the policy: returns the session, its token, class_index and level. O(classes + log
-- pools), O(classes * types) with types.
local function place(fleet, id, type_index, lease, draw)
  local view = fleet.unconfirmed == 0 and fleet or confirmed.view(fleet, type_index)
  policies.call(fleet, 'prepare', view)
  if view ~= fleet then
    confirmed.refresh(view)
  end
  local policy = fleet.policy_table
  local step = policy.learning_step and policy.learning_step(view) or 0
  local token, class_index, pool_index = policy.choose(view, draw, type_index)
  local pool_number = keys.pool_number(fleet, class_index, pool_index)
  local pool_id = pool_records.name(fleet, pool_number)
  local begun, level = sessions.begin(fleet, id, type_index, pool_number, pool_id, lease, 'assigned', token)
  differences.draw(fleet, 'placed', draw, class_index, level, type_index)
  derived.on_change(fleet, class_index, pool_index, level, 1, type_index)
  if step ~= 0 then
    policy.update(fleet, step)
  end
  local counts = fleet['assigned_' .. token]
  counts[class_index] = counts[class_index] + 1
  if fleet.types then
    type_block.touch(fleet, type_index)
    fleet.type_assigned[type_index] = fleet.type_assigned[type_index] + 1
  end
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
  local ended, ended_on = sessions.ended(fleet, id)
  if ended then
    return ended, ended_on
  elseif not fleet.policy_table.choose then
    return { 'OBSERVES' }
  end
  local type_index, unknown = 1, nil
  if options ~= '' then
    type_index, unknown = session_types.of_options(fleet, options)
  end
  local refusal = unknown or refuse(fleet, id, type_index, options)
  if refusal then
    return refusal
  end
  -- writes
  local begun, token = place(fleet, id, type_index, sessions.lease(fleet, lease), draw + 0)
  return sessions.with_labels(fleet, options, sessions.reply(fleet, 'ASSIGNED', begun, token))
end
