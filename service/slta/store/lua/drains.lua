-- Deadlines of drains. `drains` is a sorted set of "pool_id word", scored by a fleet time in µs: the deadline, negative
-- once a tick has carried it out. With the word "list" the pool then stays draining with the sessions that are left;
-- with "fail" it fails, and ticks end them; an empty one stays draining too. Only draining pools have a deadline, and
-- failed ones while that goes on. The cold field `drains` is its size.

drains = {}

local WORDS = { 'list', 'fail' }
local MAX_POOLS = 250 -- deadlines that one tick carries out
local MAX_ENDED = 128 -- sessions that it ends on pools that fail
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
local function remove(fleet, ...)
  local removed = redis.call('ZREM', keys.of_fleet(fleet, 'drains'), ...)
  if removed > 0 then
    state.count(fleet, 'drains', -removed)
  end
end

-- Removes the deadline of a pool. O(log pools).
function drains.clear(fleet, pool_id)
  remove(fleet, pool_id .. ' list', pool_id .. ' fail')
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

-- Whether a deadline has passed and is not carried out yet. O(log pools).
local function are_due(fleet)
  return redis.call('ZCOUNT', keys.of_fleet(fleet, 'drains'), 0, string.format('%.0f', fleet.time)) > 0
end

-- At most MAX_POOLS of their members, the earliest first.
local function due(fleet)
  local now = string.format('%.0f', fleet.time)
  return redis.call('ZRANGEBYSCORE', keys.of_fleet(fleet, 'drains'), 0, now, 'LIMIT', 0, MAX_POOLS)
end

-- Appends values to a list of at most events.MAX_IDS.
local function append_ids(list, ids)
  for _, id in ipairs(ids) do
    list[#list + 1] = #list < events.MAX_IDS and id or nil
  end
end

-- Records that the drains of these pools ended, with the sessions that are left on them.
local function record(fleet, ended)
  local event, session_ids = events.begin('drain_ended', fleet, fleet.clock, ''), {}
  event.pools, event.pool_ids, event.sessions = #ended, {}, 0
  event.pool_id = #ended == 1 and ended[1].pool_id or nil
  event.before = { pool_class = events.common(ended, 'pool_class'), status = 'draining' }
  event.after = { pool_class = event.before.pool_class, status = events.common(ended, 'becomes') }
  for _, pool in ipairs(ended) do
    event.sessions = event.sessions + pool.occupancy
    append_ids(event.pool_ids, { pool.pool_id })
    append_ids(session_ids, pool.session_ids)
  end
  event.session_ids = session_ids[1] and session_ids
  events.close(fleet, event, { 'CHANGED' })
end

-- Carries the deadline of a draining pool out, and adds the pool to `ended`.
local function finish(fleet, pool, ended)
  pool.occupancy = ledger.occupancy(fleet, pool.pool_number)
  pool.class_index = keys.locate(fleet, pool.pool_number)
  pool.pool_class = fleet.names[pool.class_index]
  pool.session_ids = redis.call('SRANDMEMBER', keys.of_ids(fleet, pool.pool_number), events.MAX_IDS)
  if pool.word == 'fail' and pool.occupancy > 0 then
    liveness.attach(fleet, { pool })
    statuses.write(fleet, pool, 'failed')
    statuses.move(fleet, { pool }, 'failed')
  else
    pool.becomes = pool.status
    redis.call('ZADD', keys.of_fleet(fleet, 'drains'), '-' .. pool.deadline, pool.member)
  end
  fleet.revision = fleet.revision + 1
  ended[#ended + 1] = pool
end

-- Ends at most `count` sessions of a failed pool; returns how many, and drops its deadline once none is left.
local function end_sessions(fleet, pool, count)
  local ended = sessions.finish_some(fleet, pool.pool_number, count, 'failed')
  if ledger.occupancy(fleet, pool.pool_number) == 0 then
    remove(fleet, pool.member)
  end
  return ended
end

-- The pool of a member; nil if it is gone, or neither drains nor fails by it: damage.
local function read(fleet, member)
  local pool_id, word = drains.parse(member)
  local pool_number, status = pools.find(fleet, pool_id)
  if status == 'draining' or status == 'failed' and word == 'fail' then
    local deadline = redis.call('ZSCORE', keys.of_fleet(fleet, 'drains'), member)
    return {
      member = member, word = word, deadline = deadline, pool_id = pool_id, pool_number = pool_number, status = status,
    }
  end
end

-- Carries out deadlines that have passed, with one event for all; `fleet.drains_remain` is then whether more have.
-- O(MAX_POOLS + MAX_ENDED).
function drains.carry_out(fleet)
  fleet.drains_remain = false
  if incarnations.is_recovering(fleet) or not are_due(fleet) then
    return
  end
  local ended, failing, left = {}, {}, MAX_ENDED
  for _, member in ipairs(due(fleet)) do
    local pool = read(fleet, member)
    if not pool then
      remove(fleet, member)
    elseif pool.status == 'draining' then
      finish(fleet, pool, ended)
    end
    failing[#failing + 1] = pool and pool.word == 'fail' and pool.becomes ~= 'draining' and pool or nil
  end
  if #ended > 0 then
    record(fleet, ended)
  end
  for _, pool in ipairs(failing) do
    left = left - end_sessions(fleet, pool, left)
  end
  fleet.drains_remain = are_due(fleet)
end
