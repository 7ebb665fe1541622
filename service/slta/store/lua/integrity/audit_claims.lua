-- Claims and results of a fleet's periodic audits: one audit per hour, whatever the number of dispatchers. Both are
-- fields of {fleet}:cold that no other step reads; a version that does not know them keeps them.
--
-- `audit_claimed` is the lease of the dispatcher that audits, see `jobs`. `audit_result` is a lease of an hour, from
-- the end of an audit on what its claim began with, and "at total by first": Unix time in seconds, the number of
-- findings, the dispatcher, and the first finding.

audit_claims = {}

local PERIOD = 3600e6 -- µs of fleet time from an audit to the next
local CLAIM_TIME = 600e6 -- µs of fleet time after which the claim of a dispatcher that is gone is void

-- What makes an earlier audit say nothing of the present data: another process of the server has taken them over, or
-- they were repaired. Such a fleet is audited at once.
local function basis(fleet)
  cold.load(fleet, 'repairs')
  return string.format('%d:%d', fleet.incarnation, fleet.repairs)
end

-- The claim, for `store`, of an audit that is now the caller's; '' if none is due, or another dispatcher has it. O(1).
function audit_claims.take(fleet)
  local key, time, claim = keys.of_fleet(fleet, 'cold'), fleet.time, basis(fleet)
  local is_due = jobs.left(jobs.stored(key, 'audit_result', PERIOD), time, claim) == 0
  return is_due and jobs.take(key, 'audit_claimed', CLAIM_TIME, time, claim) and claim or ''
end

-- given.claim: as from `take`; given.result: words of Unix time, number of findings, dispatcher and first finding.
-- Stores the result, and gives the claim up -> {STORED}. O(1).
function audit_claims.store(fleet, given)
  local key, time = keys.of_fleet(fleet, 'cold'), string.format('%d', fleet.time)
  redis.call('HDEL', key, 'audit_claimed')
  redis.call('HSET', key, 'audit_result', table.concat({ time, given.claim, given.result }, ' '))
  return { 'STORED' }
end

-- The result of the last audit, '' before the first: "at total by first". O(1).
function audit_claims.result(fleet)
  local text = redis.call('HGET', keys.of_fleet(fleet, 'cold'), 'audit_result')
  return string.match(text or '', '^%d+ %S+ (.*)$') or ''
end
