-- Whether the fleet's past is the one that dispatchers were told. A store that went back in time does not know it; a
-- dispatcher that saw more marks the fleet, and its epoch tells all others.

continuity = {}

-- The epoch, and the one that the first mark has left, 0 where the fleet began with the present one. So whoever knows
-- an epoch of before sees that it is the same fleet, however often it was marked since, or lost its marks.
function continuity.tell(fleet)
  return fleet.store_epoch, fleet.left_epoch or 0
end

-- epoch: the store may have lost changes that were acknowledged in this epoch of the fleet. Only the first who says so
-- begins a new one: what was told about the old one no longer holds. No lease ends for a while, for renewals may be
-- lost too.
--   -> MARKED epoch left_epoch | PRESENT epoch left_epoch. O(1).
function continuity.mark(fleet, epoch)
  if tonumber(epoch) ~= fleet.store_epoch then
    return { 'PRESENT', continuity.tell(fleet) }
  end
  -- writes
  local first = fleet.left_epoch or 0
  fleet.left_epoch = first > 0 and first or fleet.store_epoch
  fleet.store_epoch = math.max(fleet.store_epoch + 1, math.floor(fleet.clock / 1e6))
  fleet.went_back = (fleet.went_back or 0) + 1
  fleet.hold_until = fleet.time + accounting.HOLD
  return { 'MARKED', continuity.tell(fleet) }
end
