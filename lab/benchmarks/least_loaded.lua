-- What a user would write: the pool with the lowest occupancy per weight gets the session.
-- KEYS: sorted set of pools by occupancy/weight, hash of weights, hash of sessions. ARGV: 'assign' or 'complete', id.
-- Answer: the pool's name; false where a complete knows no such session. O(log pools).
local pools, weights, sessions = KEYS[1], KEYS[2], KEYS[3]
local call, session = ARGV[1], ARGV[2]
local pool = redis.call('HGET', sessions, session)
if call == 'complete' then
  if pool then
    redis.call('HDEL', sessions, session)
    redis.call('ZINCRBY', pools, -1 / redis.call('HGET', weights, pool), pool)
  end
  return pool
end
if not pool then
  pool = redis.call('ZRANGE', pools, 0, 0)[1]
  redis.call('HSET', sessions, session, pool)
  redis.call('ZINCRBY', pools, 1 / redis.call('HGET', weights, pool), pool)
end
return pool
