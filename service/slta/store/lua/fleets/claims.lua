-- Claims: audits and repairs of a fleet, which one dispatcher does at a time, and what came of them. They are in the
-- library's memory: with another process of the server, or another version of the library, an audit is due at once.

claims = {}

local PERIOD = 3600e6 -- µs from an audit to the next
local AUDIT, REPAIR = 600e6, 10e6 -- µs after which a claim is void; a slice of a rebuild renews that of the repair
local RETRY = 60e6 -- µs after which a blocked repair is tried again

local known = {} -- by key: until when of each, `blocked`, `basis` of the last audit, `claimed` and `result`

local function of(key)
  known[key] = known[key] or { repair = 0, audit = 0, sound = 0, blocked = '', basis = '', claimed = '', result = '' }
  return known[key]
end

local function is_over(instant, now, longest)
  return now >= instant or instant - now > longest
end

-- What makes an earlier audit say nothing of the present data: another process has them, or they were repaired.
local function basis_of(fleet)
  return string.format('%.0f:%d', fleet.incarnation, fleet.repairs)
end

-- The claim of an audit that is now the caller's; '' if none is due, or another dispatcher has it.
function claims.take_audit(fleet, now)
  local one, basis = of(fleet.key), basis_of(fleet)
  local is_due = one.basis ~= basis or is_over(one.sound, now, PERIOD)
  if is_due and (one.claimed ~= basis or is_over(one.audit, now, AUDIT)) then
    one.claimed, one.audit = basis, now + AUDIT
    return basis
  end
  return ''
end

-- claim: as from `take_audit`; result: "at total by first", Unix time, number of findings, dispatcher, first finding
--   -> {STORED}. O(1).
function claims.store_audit(fleet, given)
  local one = of(fleet.key)
  one.basis, one.claimed, one.sound, one.result = given.claim, '', fleet.clock + PERIOD, given.result
  return { 'STORED' }
end

-- Whether the repair of a fleet is now the caller's, 1 or 0, and why the last one was blocked, '' if it was not.
function claims.take_repair(key, now)
  local one = of(key)
  local is_ours = is_over(one.repair, now, RETRY)
  one.repair = is_ours and now + REPAIR or one.repair
  return is_ours and 1 or 0, one.blocked
end

-- A repair goes on.
function claims.hold_repair(key, now)
  of(key).repair = now + REPAIR
end

-- reason: why an automatic repair is blocked -> {BLOCKED}. O(1).
function claims.block(key, given)
  local one = of(key)
  one.blocked, one.repair = given.reason, given.clock + RETRY
  return { 'BLOCKED' }
end

-- Forgets that a repair was blocked: the fleet is sound, or has a new document.
function claims.unblock(key)
  of(key).blocked, of(key).repair = '', 0
end

-- Forgets a deleted fleet.
function claims.drop(fleet)
  known[fleet.key] = nil
end

-- Appends what a snapshot shows to a flat list of names and texts.
function claims.describe(fleet, flat)
  local one = of(fleet.key)
  vectors.append(flat, { 'audit_result', one.result, 'repair_blocked', fleet.suspect ~= '' and one.blocked or '' })
end
