-- A repair's stage on deadlines of drains, after the statuses of pools: sets aside those that the audit would report.

repair_drains = {}

-- Repairs some deadlines. O(work).
function repair_drains.drop(fleet, job, cursor)
  return slices.each_member(fleet, 'drains', job, cursor, function(member, score)
    if audit_drains.fault(fleet, member, score) then
      aside.set(fleet, 'drains ' .. member, score)
      redis.call('ZREM', keys.of_fleet(fleet, 'drains'), member)
    end
  end)
end
