-- Claims and results of a fleet's periodic audits: one audit per hour, whatever the number of dispatchers. Both are
-- fields of {fleet}:cold that no other step reads; a version that does not know them keeps them.
--
-- `audit_claimed` is "incarnation repairs time" of the last claim. `audit_result` is "incarnation repairs time at total
-- by first": what the claim began with, the fleet time at the end, Unix time in seconds, the number of findings, the
-- dispatcher, and the first finding.

audit_claims = {}

local PERIOD = 3600e6 -- µs of fleet time from an audit to the next
local CLAIM_TIME = 600e6 -- µs of fleet time after which the claim of a dispatcher that is gone is void

-- What makes an earlier audit say nothing of the present data, as text: another process of the server has taken them
-- over, or they were repaired. Such a fleet is audited at once.
local function basis(fleet)
  cold.load(fleet, 'repairs')
  return string.format('%d %d', fleet.incarnation, fleet.repairs)
end

-- Whether "basis time …" is of the present basis and less than `duration` old.
local function is_recent(fleet, text, duration)
  local found, time = string.match(text or '', '^(%d+ %d+) (%d+)')
  local age = found == basis(fleet) and fleet.time - tonumber(time)
  return age and age >= 0 and age < duration
end

-- Whether the fleet is to be audited now, and no dispatcher does so. O(1).
function audit_claims.is_due(fleet)
  local found = redis.call('HMGET', keys.of_fleet(fleet, 'cold'), 'audit_claimed', 'audit_result')
  return not is_recent(fleet, found[1], CLAIM_TIME) and not is_recent(fleet, found[2], PERIOD)
end

-- -> {CLAIMED, the basis} | {WAIT} if no audit is due. O(1).
function audit_claims.claim(fleet)
  if not audit_claims.is_due(fleet) then
    return { 'WAIT' }
  end
  local now = basis(fleet)
  redis.call('HSET', keys.of_fleet(fleet, 'cold'), 'audit_claimed', string.format('%s %d', now, fleet.time))
  return { 'CLAIMED', now }
end

-- claim: the basis as from `claim`; result: words of Unix time, number of findings, dispatcher and first finding.
-- Stores the result, and gives the claim up -> {STORED}. O(1).
function audit_claims.store(fleet, given)
  local key, now = keys.of_fleet(fleet, 'cold'), string.format('%d', fleet.time)
  redis.call('HDEL', key, 'audit_claimed')
  redis.call('HSET', key, 'audit_result', table.concat({ given.claim, now, given.result }, ' '))
  return { 'STORED' }
end

-- The result of the last audit, '' before the first: "at total by first". O(1).
function audit_claims.result(fleet)
  local text = redis.call('HGET', keys.of_fleet(fleet, 'cold'), 'audit_result')
  return string.match(text or '', '^%d+ %d+ %d+ (.*)$') or ''
end
