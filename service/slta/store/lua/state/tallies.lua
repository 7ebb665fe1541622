-- Tallies: counts of a fleet that a run of a rebuild makes anew under traffic, pool by pool, by the fields that they
-- are stored in. A call on a pool that a run has counted changes its tally too.

tallies = {}

-- Adds to the tallies of the runs that have counted the pool with this number. O(runs), mostly O(1).
function tallies.add(fleet, number, field, change)
  for _, run in pairs(fleet.runs) do
    if run.counted[tonumber(number)] then
      run.tally[field] = (run.tally[field] or 0) + change
    end
  end
end

-- A new pool, without sessions, is counted.
function tallies.begin(fleet, number)
  for _, run in pairs(fleet.runs) do
    run.counted[number] = true
  end
end
