-- Jobs: work on a fleet that one dispatcher does at a time. Whoever takes one has a lease of it:
-- {since = µs, duration = µs, basis = what it is of}. Those of ticks are in the memory of the server's process, others
-- are stored as "since basis …", and whoever reads one knows its duration.

jobs = {}

-- The µs for which a lease is still held; 0 without one, of another basis, or if the clock has stepped back. O(1).
function jobs.left(lease, now, basis)
  local age = lease and lease.basis == basis and now - lease.since
  return age and age >= 0 and math.max(0, lease.duration - age) or 0
end

-- The stored lease in a field of a hash; nil if there is none. O(1).
function jobs.stored(key, field, duration)
  local since, basis = string.match(redis.call('HGET', key, field) or '', '^(%d+) ?(%S*)')
  return since and { since = tonumber(since), duration = duration, basis = basis }
end

-- Takes a job whose lease is stored in a field; returns whether, false while another dispatcher has it. O(1).
function jobs.take(key, field, duration, now, basis)
  local is_free = jobs.left(jobs.stored(key, field, duration), now, basis) == 0
  if is_free then
    redis.call('HSET', key, field, string.format('%d %s', now, basis))
  end
  return is_free
end
