-- Refused ids: in fleets with scale advice, ids that were refused as their classes were full or had no active pool. The
-- counter `refused_ids` counts an id once within a mean stay, however often its client tries again, and counts it back
-- if it is served in that time. The set `refused`, see `expiring_ids`, has those that count.

refused_ids = {}

local UNKNOWN_STAY = 3600e6 -- µs, until the history has told the fleet's `mean_stay`

-- Counts an id that is refused. O(log ids).
function refused_ids.add(fleet, id)
  if fleet.tables_of.scale_window > 0 and not expiring_ids.contains(fleet, 'refused', id) then
    fleet.refused_ids = fleet.refused_ids + 1
    expiring_ids.add(fleet, 'refused', id, fleet.mean_stay > 0 and fleet.mean_stay or UNKNOWN_STAY)
  end
end

-- Counts an id back that is served after all. O(log ids).
function refused_ids.remove(fleet, id)
  if fleet.refused > 0 and expiring_ids.remove(fleet, 'refused', id) then
    fleet.refused_ids = fleet.refused_ids - 1
  end
end
