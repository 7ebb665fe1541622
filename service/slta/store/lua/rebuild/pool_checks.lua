-- Checks of pools: names, records, sets of ids, the sorted sets, timers, and what counts pools and sessions.

pool_checks = {}

local UNHEARD = 5e6 -- µs that a timer may be ahead: heartbeats do not write the clock

-- A pool of the record's text, with `class` and `place`; without a class if it is unreadable or has a number of none.
local function open(fleet, pool_id, text)
  local pool = pool_records.parse(text) or {}
  local class_id, place = keys.locate(pool.pool_number or -1)
  pool.pool_id, pool.stored, pool.class, pool.place = pool_id, text, fleet.tables_of.index_by_id[class_id], place
  return pool
end

local function has_class(fleet, number)
  return fleet.tables_of.index_by_id[(keys.locate(number))] ~= nil
end

-- The pools with these ids as they have to be: one that has a name has its number, draining if it has no record.
function pool_checks.read(fleet, run, ids)
  local found = {}
  for at, text in ipairs(commands.read_all(fleet.tables_of.keys.records, ids)) do
    local pool, number = open(fleet, ids[at], text), run.number_of[ids[at]]
    if number and not pool.class then
      pool.pool_number, pool.status = number, pool.status or 'draining'
      local class_id, place = keys.locate(number)
      pool.class, pool.place = fleet.tables_of.index_by_id[class_id], place
    end
    found[at] = pool
  end
  return found
end

-- Writes the record of a pool, and keeps the former one.
local function write(fleet, run, pool)
  findings.keep(fleet, run, 'pool ' .. pool.pool_id, pool.stored)
  redis.call('HSET', fleet.tables_of.keys.records, pool.pool_id, pool_records.text(pool))
end

-- The numbers of the records, for the names.
function pool_checks.numbers_of(fleet, run, ids)
  for at, text in ipairs(commands.read_all(fleet.tables_of.keys.records, ids)) do
    local pool = open(fleet, ids[at], text)
    if pool.class then
      run.by_number[pool.pool_number] = ids[at]
    end
  end
end

-- A name leads to a pool, and this to the number. A pool without a record is made again, draining, unless another has
-- its number.
local function check_name(fleet, run, number, pool)
  local own, holder = pool.pool_number, run.by_number[tonumber(number)]
  if tostring(tonumber(number) or '') ~= number or not has_class(fleet, tonumber(number)) then
    findings.wrong(run, 'name ' .. number .. ': no class has this number', function()
      redis.call('HDEL', fleet.tables_of.keys.names, number)
    end)
  elseif pool.class and own ~= tonumber(number) and pool_records.names(fleet, { own })[1] == pool.pool_id then
    findings.wrong(run, 'name ' .. number .. ': its pool ' .. pool.pool_id .. ' has another number', function()
      redis.call('HDEL', fleet.tables_of.keys.names, number)
    end)
  elseif own ~= tonumber(number) and holder and holder ~= pool.pool_id then
    findings.wrong(run, 'name ' .. number .. ': it is that of pool ' .. holder, function()
      redis.call('HSET', fleet.tables_of.keys.names, number, holder)
    end)
  elseif own ~= tonumber(number) then
    run.number_of[pool.pool_id] = tonumber(number)
    findings.wrong(run, 'pool ' .. pool.pool_id .. ': its record has not the number ' .. number, function()
      pool.pool_number, pool.status = tonumber(number), pool.status or 'draining'
      write(fleet, run, pool)
      redis.call('ZREM', fleet.tables_of.keys.forgotten, pool.pool_id)
    end)
  end
end

function pool_checks.names(fleet, run, numbers)
  local named, known = pool_records.names(fleet, numbers), {}
  for at, pool_id in ipairs(named) do
    known[at] = pool_id or '' -- removed meanwhile
  end
  for at, text in ipairs(commands.read_all(fleet.tables_of.keys.records, known)) do
    if named[at] then
      check_name(fleet, run, numbers[at], open(fleet, named[at], text))
    end
  end
end

-- The name and the place of a pool; false if another pool has its number.
local function check_number(fleet, run, pool)
  local all, number = fleet.tables_of.keys, string.format('%d', pool.pool_number)
  local holder = redis.call('HGET', all.names, number)
  if holder and holder ~= pool.pool_id
    and open(fleet, holder, redis.call('HGET', all.records, holder)).pool_number == pool.pool_number then
    return false
  end
  findings.compare(run, 'name ' .. number, holder, pool.pool_id, function()
    redis.call('HSET', all.names, number, pool.pool_id)
  end)
  findings.compare(run, 'place of pool ' .. pool.pool_id, redis.call('GETBIT', all.used[pool.class], pool.place), 1,
    function() redis.call('SETBIT', all.used[pool.class], pool.place, 1) end)
  return true
end

-- A session of a pool without a record, or with one that cannot be used, begins anew.
local function begin_anew(fleet, run, pool, id, level)
  local lease = fleet.tables_of.lease
  run.orphans[id] = true
  if run.mends then
    local session = {
      pool_id = pool.pool_id, number = 0, start = fleet.time, lease = lease, due = leases.due(fleet, lease),
      level = level, letter = '-',
    }
    records.set(fleet.tables_of.keys.sessions, id, sessions.text(session))
    leases.set(fleet, session.due, id, true)
  end
end

-- Whether the set of the pool that a record names has the id.
local function is_there(fleet, run, id, session)
  local pool = pool_checks.read(fleet, run, { session.pool_id })[1]
  local key = pool.class and fleet.tables_of.keys.ids .. string.format('%d', pool.pool_number)
  return key and redis.call('SISMEMBER', key, id) == 1
end

-- An id of a pool's set: returns whether it stays, and the number of its type.
local function check_id(fleet, run, pool, id, text, level)
  local session, key = text and sessions.parse(text), fleet.tables_of.keys.ids .. string.format('%d', pool.pool_number)
  if session and session.pool_id == pool.pool_id then
    return true, session.number
  elseif session and is_there(fleet, run, id, session) or not text and ended_ids.find(fleet, id) then
    findings.wrong(run, 'session ' .. id .. ': is in the set of pool ' .. pool.pool_id .. ', where it is not',
      function() redis.call('SREM', key, id) end)
    return false
  elseif session then
    local why = 'its record names ' .. session.pool_id .. ', its set another one'
    findings.set_aside(fleet, run, 'session', id, text, why)
  else
    findings.keep(fleet, run, 'session ' .. id, text)
    findings.wrong(run, 'session ' .. id .. ' of pool ' .. pool.pool_id .. ': has no readable record')
  end
  begin_anew(fleet, run, pool, id, level)
  return true, 0
end

-- The kind that a session may have on a class: `default` if its own is gone or may not use the class.
function pool_checks.kind(fleet, class, number)
  local kind = types.of_number(fleet, number)
  return types.may_use(fleet, kind, class) and kind or 1
end

local function tally(run, field, change)
  run.tally[field] = (run.tally[field] or 0) + change
end

-- The sessions of a pool: returns their number. O(sessions).
local function check_ids(fleet, run, pool)
  local compiled, held = fleet.tables_of, 0
  local ids = findings.members(run, compiled.keys.ids .. string.format('%d', pool.pool_number)) or {}
  local is_serving = pool_records.is_in_service(pool)
  for at, text in ipairs(commands.read_all(compiled.keys.sessions, ids)) do
    local stays, number = check_id(fleet, run, pool, ids[at], text, held + 1)
    held = held + (stays and 1 or 0)
    if stays and compiled.types then
      number = compiled.types.numbers[pool_checks.kind(fleet, pool.class, number)]
      tally(run, is_serving and 'held:' .. number .. ':' .. compiled.ids[pool.class] or 'others:' .. number, 1)
    end
  end
  run.budget = run.budget - 2 * #ids
  return held
end

-- The pool is in its sorted set only, with the number of its sessions.
local function check_sets(fleet, run, pool, held)
  local compiled, number, own = fleet.tables_of, string.format('%d', pool.pool_number), pool_records.set_of(pool)
  for _, set in ipairs({ 'pools', 'quiet', 'leaving' }) do
    local key = compiled.keys[set][pool.class]
    local expected = set == own and (set ~= 'leaving' or held > 0) and held or nil
    findings.compare(run, 'pool ' .. pool.pool_id .. ' in ' .. set, tonumber(redis.call('ZSCORE', key, number) or nil),
      expected, function()
        redis.call(expected and 'ZADD' or 'ZREM', key, unpack(expected and { expected, number } or { number }))
        run.loses_integral = run.loses_integral or set ~= 'leaving' -- U* may have been counted without the pool
        if set == 'pools' and compiled.policy_table.move_pool then
          compiled.policy_table.move_pool(fleet, pool.class, number, held, expected ~= nil)
        end
      end)
  end
end

-- A timer of the pool: it exists if `due`, else it does not, and is between `from` and `latest`; `field` is that of
-- `timers.set`.
local function check_timer(fleet, run, pool, field, member, due, from, latest)
  local stored = tonumber(redis.call('ZSCORE', fleet.tables_of.keys.timers, member) or nil)
  local is_right = (stored ~= nil) == (due ~= false) and (not stored or stored >= from and stored <= latest)
  if not is_right then
    findings.wrong(run, 'timer ' .. member .. ': it is not when it has to be', function()
      timers.set(fleet, { { pool_id = pool.pool_id, [field] = due } })
    end)
  end
end

-- The timers of the pool's lease, which begins anew if it was lost, and of its drain.
local function check_timers(fleet, run, pool)
  local lease, now = pool.lease, fleet.time
  if lease and lease.liveness ~= 'gone' then
    local is_running = pool.status ~= 'failed' and lease.liveness ~= 'unconfirmed'
    local length = lease.liveness == 'alive' and transitions.GRACE * lease.ttl or fleet.tables_of.gone
    local latest = lease.liveness == 'alive' and now + length + UNHEARD or math.huge
    check_timer(fleet, run, pool, 'due', pool.pool_id, is_running and now + length, 0, latest)
  end
  local due = pool_records.drain_due(pool)
  local latest = math.max(due or 0, fleet.recovering_until, pool.status == 'failed' and now or 0)
  check_timer(fleet, run, pool, 'drain_due', 'drain@' .. pool.pool_id, due or false, due or 0, latest)
end

-- A record of a pool, and what follows from it. O(sessions).
function pool_checks.record(fleet, run, ids)
  local pool = pool_checks.read(fleet, run, ids)[1]
  if not pool.stored then
    return -- removed meanwhile
  elseif not pool.class or not check_number(fleet, run, pool) then
    run.lost[pool.pool_id] = true
    findings.set_aside(fleet, run, 'pool', pool.pool_id, pool.stored,
      pool.class and 'another pool has its number' or 'its record is unreadable, or no class has its number')
    return
  end
  check_sets(fleet, run, pool, check_ids(fleet, run, pool))
  check_timers(fleet, run, pool)
  pool_sets.each_count(pool, function(name) tally(run, tables.field(fleet, name, pool.class), 1) end)
  run.counted[pool.pool_number] = true
end

-- Members of a timer's set are of pools that have what they are of, or of guards.
function pool_checks.timers(fleet, run, members)
  for _, member in ipairs(members) do
    local kind, id = timers.parse(fleet, member)
    local pool = (kind == 'lease' or kind == 'drain') and pool_checks.read(fleet, run, { id })[1]
    local is_known = kind == 'guard' or kind == 'lease' and pool.lease or kind == 'drain' and pool.drain
    if not is_known and redis.call('ZSCORE', fleet.tables_of.keys.timers, member) then
      findings.wrong(run, 'timer ' .. member .. ': it is of nothing', function()
        redis.call('ZREM', fleet.tables_of.keys.timers, member)
      end)
    end
  end
end

-- The part of attributes: no other pool has any, and labels are JSON.
function pool_checks.attributes(name)
  return function(fleet, run, ids)
    local key = fleet.tables_of.keys[name]
    local known, texts = commands.read_all(fleet.tables_of.keys.records, ids), commands.read_all(key, ids)
    for at, pool_id in ipairs(ids) do
      local is_readable = name ~= 'labels' or pcall(cjson.decode, texts[at])
      if texts[at] and not (known[at] and is_readable) then
        findings.wrong(run, name .. ' of pool ' .. pool_id .. ': there is no such pool, or it is unreadable', function()
          redis.call('HDEL', key, pool_id)
        end)
      end
    end
  end
end

-- The part of a class's row or sorted set: every number has a name.
function pool_checks.numbers(set, class)
  return function(fleet, run, numbers)
    local key = fleet.tables_of.keys[set][class]
    for at, name in ipairs(pool_records.names(fleet, numbers)) do
      if not name then
        findings.wrong(run, set .. ' of class ' .. class .. ': no pool has the number ' .. numbers[at], function()
          if set == 'used' then
            redis.call('SETBIT', key, tonumber(numbers[at]) % constants.MAX_POOLS, 0)
          else
            redis.call('ZREM', key, numbers[at])
          end
        end)
      end
    end
  end
end
