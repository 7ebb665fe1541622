-- What the pools hold. `level:<class>:<j>` has a bit for every active pool with at least j sessions, so rows are
-- nested and an active pool's occupancy is its number of bits; `ids:<pool number>` is the set of session ids of
-- any pool. A session's arrival sets one bit, its end clears one.

ledger = {}

function ledger.policy(fleet)
  return fleet.policy == 'slta' and slta or jlmu
end

function ledger.ids_key(fleet, number)
  return string.format('%sids:%d', fleet.prefix, number)
end

function ledger.occupancy(fleet, number)
  return redis.call('SCARD', ledger.ids_key(fleet, number))
end

-- An active pool came to hold `level` sessions, one more than before.
function ledger.rose(fleet, position, bit, level)
  redis.call('SETBIT', state.level_key(fleet, position, level), bit, 1)
  accounting.rose(fleet, position, level)
  ledger.policy(fleet).rose(fleet, position, bit, level)
end

-- A pool no longer holds `level` sessions. Only active pools have bits: clearing tells whether it is one.
function ledger.fell(fleet, position, bit, level)
  if redis.call('SETBIT', state.level_key(fleet, position, level), bit, 0) == 1 then
    accounting.fell(fleet, position, level)
    ledger.policy(fleet).fell(fleet, position, bit, level)
  else
    fleet.draining_sessions[position] = fleet.draining_sessions[position] - 1
  end
end

-- SLTA's fourth step: class position and bit of a pool uniform among the active pools that have room.
-- O(classes * pools / 8).
function ledger.choose_with_room(fleet, draw)
  local room, total = {}, 0
  for position = 1, #fleet.numbers do
    local full = rows.count(state.level_key(fleet, position, fleet.capacities[position]))
    room[position] = fleet.pools[position] - full
    total = total + room[position]
  end
  local index = math.floor(draw * total)
  local position = 1
  while index >= room[position] do
    index = index - room[position]
    position = position + 1
  end
  local scratch = fleet.prefix .. 'scratch'
  rows.minus(
    scratch,
    state.class_key(fleet, 'active', position),
    state.level_key(fleet, position, fleet.capacities[position])
  )
  local bit = rows.select(scratch, index)
  redis.call('DEL', scratch)
  return position, bit
end

-- Sets or clears an active pool's column of bits, with its sessions and their utility. O(occupancy).
function ledger.write_column(fleet, position, bit, occupancy, present)
  local sign = present == 1 and 1 or -1
  for level = 1, occupancy do
    redis.call('SETBIT', state.level_key(fleet, position, level), bit, present)
    fleet.utility = fleet.utility + sign * accounting.marginal(fleet, position, level)
  end
  redis.call('SETBIT', state.class_key(fleet, 'active', position), bit, present)
  fleet.sessions = fleet.sessions + sign * occupancy
end

-- The number of active pools of a class changes by `change`, of either sign.
function ledger.count_pools(fleet, position, change)
  fleet.support_changed = fleet.support_changed or fleet.pools[position] == 0 or fleet.pools[position] + change == 0
  fleet.pools[position] = fleet.pools[position] + change
end

-- After active pools came or went: the enumeration, the optimum, tokens and r follow. `afresh` when the curves or
-- the policy are others. O(r* + classes * pools / 8), O(levels) when a class lost its last or got its first pool.
function ledger.pools_changed(fleet, afresh)
  fleet.active_pools = state.sum(fleet.pools)
  fleet.room_for = 0
  for position = 1, #fleet.pools do
    fleet.room_for = fleet.room_for + fleet.pools[position] * fleet.capacities[position]
  end
  if afresh or fleet.support_changed then
    order.rebuild(fleet)
  end
  fleet.support_changed = nil
  accounting.refill_optimum(fleet)
  ledger.policy(fleet).rebuild(fleet, afresh)
end
