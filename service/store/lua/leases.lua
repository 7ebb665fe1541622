-- Leases: `leases:<second>` is the set of the ids whose lease is over in that second of fleet time: O(1) where a sorted
-- set would cost a walk through cold memory.

leases = {}

local REAP = 32 -- sessions that one call ends because their lease is over
local REAP_SECONDS = 1000 -- of fleet time that one call looks through

-- Notes, or no longer, that the lease of a session is over in the second `due`, 0 for never.
function leases.set(fleet, id, due, present)
  if due > 0 then
    gather.member(fleet, keys.of_leases(fleet, due), id, present)
  end
end

-- The second in which a lease that begins now is over; 0 for none.
function leases.due_after(fleet, lease)
  return lease == 0 and 0 or records.latest_due(fleet, lease)
end

-- Whether a second with leases that are over was not looked through yet.
function leases.are_due(fleet)
  return fleet.time >= fleet.hold_until and fleet.next_due * 1e6 <= fleet.time
end

-- Ends a session whose lease is over now. One that cannot end keeps no other from it: its lease is forgotten, and the
-- fleet is to be repaired.
local function expire(fleet, id)
  local is_sound, message = pcall(function()
    local session = sessions.read(fleet, id)
    if not session or session.due ~= fleet.next_due then
      error('session ' .. id .. ' is among the leases of second ' .. fleet.next_due .. ' and has none there')
    end
    sessions.finish(fleet, id, session, 'expired')
  end)
  if not is_sound then
    leases.set(fleet, id, fleet.next_due, false)
    repair.suspect(fleet, message)
  end
end

-- Ids whose lease is over in the second that is due, `count` at most.
local function due_ids(fleet, count)
  local ids = redis.pcall('SRANDMEMBER', keys.of_leases(fleet, fleet.next_due), count)
  if ids.err then
    repair.suspect(fleet, ids)
  end
  return ids
end

-- Ends at most REAP sessions whose lease is over, in at most REAP_SECONDS from the first second that is due on.
-- O(REAP + REAP_SECONDS).
function leases.reap(fleet)
  local ended, last = 0, fleet.next_due + REAP_SECONDS
  while ended < REAP and fleet.next_due < last and leases.are_due(fleet) do
    local ids = due_ids(fleet, REAP - ended)
    for _, id in ipairs(ids) do
      expire(fleet, id)
    end
    ended = ended + #ids
    if ended < REAP then
      fleet.next_due = fleet.next_due + 1
    end
  end
end
