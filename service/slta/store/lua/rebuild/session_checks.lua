-- Checks of sessions: records, their places in the sets of ids and of leases, and the ended ids.

session_checks = {}

-- What a record has to be: times that can be, a type that may use the class, a level and a token.
local function normalize(fleet, run, session, class)
  local kind, latest = pool_checks.kind(fleet, class, session.number), leases.due(fleet, session.lease)
  if kind == 1 and session.number ~= 0 then
    session.number, run.without_type = 0, run.without_type + 1
  end
  session.start = math.min(session.start, fleet.time)
  if (session.lease == 0) ~= (session.due == 0) or session.due > latest or session.due < fleet.next_due then
    session.due = latest
  end
  if tonumber(session.level) < 1 or tonumber(session.level) > 1e9 then
    session.level = 1
  end
  session.letter = sessions.token(session) and session.letter or '-'
end

-- The id is in the set of a second.
local function check_lease(fleet, run, id, due)
  if due > 0 then
    local key = fleet.tables_of.keys.leases .. string.format('%d', due)
    run.latest_due = math.max(run.latest_due, due)
    local is_there = findings.is_member(run, key, id)
    findings.compare(run, 'session ' .. id .. ' in the set of its lease', is_there, 1, function()
      redis.call('SADD', key, id)
    end)
  end
end

-- A record whose pool exists.
local function check_record(fleet, run, id, text, session, pool)
  local before = session.number
  normalize(fleet, run, session, pool.class)
  findings.compare(run, 'session ' .. id, text, sessions.text(session), function(expected)
    redis.call('HSET', fleet.tables_of.keys.sessions, id, expected)
  end)
  check_lease(fleet, run, id, session.due)
  local key = fleet.tables_of.keys.ids .. string.format('%d', pool.pool_number)
  findings.compare(run, 'session ' .. id .. ' in the set of its pool', redis.call('SISMEMBER', key, id), 1, function()
    sessions.enter(fleet, id, pool_records.place(fleet, pool.pool_id), types.of_number(fleet, session.number))
  end)
  return before
end

-- No live session has ended.
local function check_ended(fleet, run, ids)
  local all = fleet.tables_of.keys
  for _, name in ipairs({ 'ended:0', 'ended:1' }) do
    for at, text in ipairs(commands.read_all(all[name], ids)) do
      if text then
        findings.wrong(run, 'session ' .. ids[at] .. ': is live and in ' .. name, function()
          redis.call('HDEL', all[name], ids[at])
        end)
      end
    end
  end
  for _, id in ipairs(fleet.early > 0 and ids or {}) do
    if expiring_ids.contains(fleet, 'early', id) then
      findings.wrong(run, 'session ' .. id .. ': is live and in early', function()
        expiring_ids.remove(fleet, 'early', id)
      end)
    end
  end
end

-- Records of sessions, and what follows from them. O(records).
function session_checks.records(fleet, run, ids)
  local texts, found, of_pools, live = commands.read_all(fleet.tables_of.keys.sessions, ids), {}, {}, {}
  for at, text in ipairs(texts) do
    found[at] = text and sessions.parse(text) or false
    of_pools[at] = found[at] and found[at].pool_id or ''
  end
  for at, pool in ipairs(pool_checks.read(fleet, run, of_pools)) do
    local id, session = ids[at], found[at]
    if session and pool.class and not run.lost[pool.pool_id] and not run.orphans[id] then
      check_record(fleet, run, id, texts[at], session, pool)
      live[#live + 1] = id
    elseif texts[at] and not run.orphans[id] then
      findings.set_aside(fleet, run, 'session', id, texts[at],
        session and 'its pool ' .. session.pool_id .. ' has no record' or 'its record is unreadable')
    end
  end
  check_ended(fleet, run, live)
end

-- Ids of the set of a second: each has a lease then.
function session_checks.leases(fleet, run, ids)
  for at, text in ipairs(commands.read_all(fleet.tables_of.keys.sessions, ids)) do
    local session = text and sessions.parse(text)
    if not session or session.due ~= run.second then
      local key = fleet.tables_of.keys.leases .. string.format('%d', run.second)
      if redis.call('SISMEMBER', key, ids[at]) == 1 then
        findings.wrong(run, 'session ' .. ids[at] .. ': is in ' .. key .. ' without a lease there', function()
          redis.call('SREM', key, ids[at])
        end)
      end
    end
  end
end
