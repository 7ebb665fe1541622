-- Changes of a fleet's policy.

policy_changes = {}

-- Changes the fleet's policy. The new policy's fields start at 0, its placement counts at their last values. The
-- placement counts of the old one are moved to the cold hash, whose fields must have been loaded.
function policy_changes.apply(fleet, name)
  if fleet.policy_table then
    for _, token in ipairs(fleet.policy_table.TOKENS) do
      fleet.cold['assigned_' .. token] = ''
    end
    fleet.unknown[policy_tables.fields(fleet.policy_table)] = nil
  end
  fleet.policy, fleet.policy_table = name, policy_tables.BY_NAME[name]
  for _, token in ipairs(fleet.policy_table.TOKENS) do
    local field = 'assigned_' .. token
    fleet[field] = fleet[field] or vectors.zeros(fleet.classes)
    fleet.cold[field] = nil
    redis.call('HDEL', keys.of_fleet(fleet, 'cold'), field)
  end
  policy_tables.clear(fleet)
end
