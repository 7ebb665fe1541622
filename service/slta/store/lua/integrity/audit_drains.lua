-- The audit of deadlines of drains: each is readable, at a time that can be, and of a pool that may have one.

audit_drains = {}

-- What is wrong with a member of `drains`; nil if nothing is. O(1).
function audit_drains.fault(fleet, member, score)
  local pool_id, word = drains.parse(member)
  local status = (pool_records.find(fleet, pool_id or '') or {}).status
  local deadline = math.abs(tonumber(score))
  if not pool_id then
    return 'is unreadable'
  elseif status ~= 'draining' and not (status == 'failed' and word == 'fail') then
    return 'is of a pool that is not draining'
  elseif deadline > fleet.time + drains.LONGEST or tonumber(score) < 0 and deadline > fleet.time then
    return 'is later than it can be'
  elseif redis.call('ZSCORE', keys.of_fleet(fleet, 'drains'), pool_id .. (word == 'list' and ' fail' or ' list')) then
    return 'is one of two of the pool'
  end
end

-- Checks some deadlines. O(work).
function audit_drains.check(fleet, report, cursor)
  return slices.each_member(fleet, 'drains', report, cursor, function(member, score)
    local fault = audit_drains.fault(fleet, member, score)
    if fault then
      report:add('deadline of a drain, ' .. member .. ': ' .. fault)
    end
  end)
end
