-- Rebuilding a fleet from its session records, the one truth: sets of ids, leases, rows, totals, tokens.

repair = {}

local function drop_keys(pattern)
  local cursor = '0'
  repeat
    local found = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000)
    cursor = found[1]
    for _, key in ipairs(found[2]) do
      redis.call('UNLINK', key)
    end
  until cursor == '0'
end

-- Sets of ids and leases from the records.
local function rebuild_sets(fleet)
  drop_keys(keys.of_fleet(fleet, 'ids:*'))
  drop_keys(keys.of_fleet(fleet, 'leases:*'))
  for _, id in ipairs(redis.call('HKEYS', keys.of_fleet(fleet, 'sessions'))) do
    local session = sessions.read(fleet, id)
    redis.call('SADD', keys.of_ids(fleet, session.number), id)
    if session.due > 0 then
      redis.call('SADD', keys.of_leases(fleet, session.due), id)
      fleet.next_due = math.min(fleet.next_due, session.due)
    end
  end
end

-- The level rows of class `position`, and its sessions, from the sets of ids.
local function rebuild_class(fleet, position)
  for level = 1, fleet.capacities[position] do
    redis.call('DEL', keys.of_level(fleet, position, level))
  end
  rows.each(keys.of_class(fleet, 'used', position), 0, function(bit)
    local occupancy = ledger.occupancy(fleet, keys.pool_number(fleet, position, bit))
    if redis.call('GETBIT', keys.of_class(fleet, 'active', position), bit) == 1 then
      ledger.write_column(fleet, position, bit, occupancy, 1)
    else
      fleet.draining_sessions[position] = fleet.draining_sessions[position] + occupancy
    end
  end)
end

-- -> {REPAIRED}. The tick calls it after an error inside an operation.
-- O(keys of the server + sessions + levels * pools / 8).
function repair.run(fleet)
  ledger.change_afresh(fleet, function()
    rebuild_sets(fleet)
    fleet.utility, fleet.session_count = 0, 0
    fleet.draining_sessions = vectors.zeros(#fleet.numbers)
    for position = 1, #fleet.numbers do
      rebuild_class(fleet, position)
    end
  end)
  fleet.suspect = ''
  fleet.repairs = fleet.repairs + 1
  return { 'REPAIRED' }
end
