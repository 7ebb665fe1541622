-- The audit of pools' attributes: each is readable, and of a pool that exists.

audit_attributes = {}

-- The check of some fields of one hash, `addresses` or `labels`. O(work).
function audit_attributes.check(hash)
  return function(fleet, report, cursor)
    return slices.each_field(fleet, hash, report, cursor, function(pool_id, value)
      local fault = attributes.fault(fleet, hash, pool_id, value)
      if fault then
        report:add(hash .. ' of pool ' .. pool_id .. ': ' .. fault)
      end
    end)
  end
end
