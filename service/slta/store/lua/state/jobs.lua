-- Jobs: work on a fleet that one dispatcher does at a time. Whoever takes one has a lease of it:
-- {since = µs, duration = µs, basis = what it is of}.

jobs = {}

-- The µs for which a lease is still held; 0 without one, of another basis, or if the clock has stepped back. O(1).
function jobs.left(lease, now, basis)
  local age = lease and lease.basis == basis and now - lease.since
  return age and age >= 0 and math.max(0, lease.duration - age) or 0
end
