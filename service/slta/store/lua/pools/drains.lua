-- Deadlines of drains. `drains` is a sorted set of "pool_id word", scored by a fleet time in µs: the deadline, negative
-- once a tick has carried it out. With the word "list" the pool then stays draining with the sessions that are left;
-- with "fail" it fails, and ticks end them; an empty one stays draining too. Only draining pools have a deadline, and
-- failed ones while that goes on. The cold field `drains` is its size.

drains = {}

local WORDS = { 'list', 'fail' }
drains.LONGEST = 7 * 86400e6 -- µs

-- The pool id and the word of a member; nil if it is unreadable.
function drains.parse(member)
  local pool_id, word = string.match(member, '^(%S+) (%a+)$')
  if vectors.has(WORDS, word) then
    return pool_id, word
  end
end

-- The deadline of a draining pool in fleet time, and its word; nil without one. O(log pools).
function drains.find(fleet, pool_id, status)
  if status ~= 'draining' then
    return nil
  end
  for _, word in ipairs(WORDS) do
    local score = redis.call('ZSCORE', keys.of_fleet(fleet, 'drains'), pool_id .. ' ' .. word)
    if score then
      return math.abs(tonumber(score)), word
    end
  end
end

-- The same as text: "µs until then, negative after it, word"; '' without one.
function drains.text(fleet, pool_id, status)
  local deadline, word = drains.find(fleet, pool_id, status)
  return deadline and string.format('%.0f %s', deadline - fleet.time, word) or ''
end

-- Removes members.
function drains.remove(fleet, ...)
  local removed = redis.call('ZREM', keys.of_fleet(fleet, 'drains'), ...)
  if removed > 0 then
    state.count(fleet, 'drains', -removed)
  end
end

-- Removes the deadline of a pool. O(log pools).
function drains.clear(fleet, pool_id)
  drains.remove(fleet, pool_id .. ' list', pool_id .. ' fail')
end

-- Replaces the deadline of a pool that was given this status: `drain` is "µs from now, word", or '' for none.
function drains.set(fleet, pool_id, status, drain)
  drains.clear(fleet, pool_id)
  local duration, word = string.match(status == 'draining' and drain or '', '^(%d+) (%a+)$')
  if duration then
    local deadline = string.format('%.0f', fleet.time + tonumber(duration))
    state.count(fleet, 'drains', redis.call('ZADD', keys.of_fleet(fleet, 'drains'), deadline, pool_id .. ' ' .. word))
  end
end
