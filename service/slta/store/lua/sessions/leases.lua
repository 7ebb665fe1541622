-- Leases of sessions. `leases:<second>` is the set of ids whose lease ends in that second of fleet time; O(1) per
-- change, where a sorted set would need a walk through cold memory.

leases = {}

local MAX_REAPED = 32 -- expired leases that one call ends
local MAX_SECONDS = 1000 -- seconds of fleet time that one call processes

-- The second in which a lease of so many µs that begins now ends, 0 without one.
function leases.due(fleet, lease)
  return lease == 0 and 0 or math.floor((fleet.time + lease) / 1e6) + 1
end

local last = {} -- the key that was asked for last: `prefix`, `due` and `key`

-- Adds an id to the leases of the second `due`, 0 for none, or removes it.
function leases.set(fleet, due, id, present)
  if due > 0 then
    if due ~= last.due or fleet.prefix ~= last.prefix then
      last.prefix, last.due = fleet.prefix, due
      last.key = fleet.tables_of.keys.leases .. string.format('%d', due)
    end
    records.set_member(last.key, id, present)
  end
end

local term = {} -- the one that was asked for last: `start`, `lease`, `due` and `text`

-- "start lease due" as text; most of those of a call are the same.
function leases.term(start, lease, due)
  if start ~= term.start or lease ~= term.lease or due ~= term.due then
    term.start, term.lease, term.due = start, lease, due
    term.text = string.format('%d %d %d', start, lease, due)
  end
  return term.text
end

-- Whether a second with expired leases has not been processed yet.
function leases.are_due(fleet)
  return fleet.time >= fleet.hold_until and fleet.next_due * 1e6 <= fleet.time
end

local function key_of(fleet)
  return fleet.tables_of.keys.leases .. string.format('%d', fleet.next_due)
end

-- Whether a lease has expired in the first of those seconds. O(1).
function leases.is_late(fleet)
  return leases.are_due(fleet) and redis.call('EXISTS', key_of(fleet)) == 1
end

-- Ends an expired lease. If that fails, it is dropped, so that it does not block others, and the fleet is marked
-- suspect.
local function end_lease(fleet, id, expire)
  local ok, message = pcall(expire, fleet, id)
  if not ok then
    leases.set(fleet, fleet.next_due, id, false)
    state.mark_suspect(fleet, message)
    policies.count(fleet)
  end
end

-- At most `count` ids whose lease expires in the second `next_due`.
local function due_ids(fleet, count)
  local ids = redis.pcall('SRANDMEMBER', key_of(fleet), count)
  if ids.err then
    state.mark_suspect(fleet, ids)
    policies.count(fleet)
  end
  return ids
end

-- Calls expire(fleet, id), which ends the lease of the second `next_due`, for at most MAX_REAPED expired leases, and
-- processes at most MAX_SECONDS seconds. O(MAX_REAPED + MAX_SECONDS).
function leases.reap(fleet, expire)
  local ended, stop = 0, fleet.next_due + MAX_SECONDS
  while ended < MAX_REAPED and fleet.next_due < stop and leases.are_due(fleet) do
    local ids = due_ids(fleet, MAX_REAPED - ended)
    for _, id in ipairs(ids) do
      end_lease(fleet, id, expire)
    end
    ended = ended + #ids
    if ended < MAX_REAPED then
      fleet.next_due = fleet.next_due + 1
    end
  end
end
