-- Fleet files: which one is applied to a fleet at the start of a dispatcher, so that each is applied once.

fleet_files = {}

-- Records which fleet file is applied, '' for none; `file` ends in '+' until its pools are added too. Not a cold field:
-- no other function has a use for it.
function fleet_files.begin(fleet, file)
  if file ~= '' then
    redis.call('HSET', keys.of_fleet(fleet, 'cold'), 'file', file)
  end
end

-- file -> {FINISHED}: its pools are added. Nothing changes if another file has been begun since. O(1).
function fleet_files.finish(fleet, given)
  if redis.call('HGET', keys.of_fleet(fleet, 'cold'), 'file') == given.file .. '+' then
    fleet_files.begin(fleet, given.file)
  end
  return { 'FINISHED' }
end

-- The fleet file that was applied last, '' before the first. O(1).
function fleet_files.applied(fleet)
  return redis.call('HGET', keys.of_fleet(fleet, 'cold'), 'file') or ''
end
