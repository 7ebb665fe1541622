-- Rebuilding a fleet from what is sure: its session records, its pools, its document. One call does one slice. Where it
-- stands is written with what it did, in {fleet}:repair, so that any dispatcher goes on with it, also after a crash
-- between two slices. Meanwhile the state has the layout UNDER_REPAIR, and every other call answers REPAIRING; fleet
-- time stands still.
--
-- A stage is a function stage(fleet, job, cursor) -> the cursor to go on at, nil at its end; `cursor` is '' at first. A
-- stage may be begun anew at any time: what it does twice has the effect of once.

repair = {}

local CLAIM = 30e6 -- µs in which nobody else looks what a repair would set aside
local AGAIN = 60e6 -- µs after which somebody looks again whether a repair that was blocked may begin

local STAGES -- in order; filled while a function runs, for the files of the stages are loaded after this one

local function list_stages()
  STAGES = {
    { 'names', repair_pools.from_names }, { 'aside', repair_aside.put_back }, { 'pools', repair_pools.from_records },
    { 'orphans', repair_orphans.place }, { 'keys', repair_keys.drop }, { 'records', repair_records.place },
    { 'columns', repair_pools.write_columns }, { 'order', repair_totals.order }, { 'bound', repair_totals.bound },
    { 'totals', repair_totals.finish },
  }
end

local function find_stage(name)
  if not STAGES then
    list_stages()
  end
  for at, stage in ipairs(STAGES) do
    if stage[1] == name then
      return stage[2], STAGES[at + 1] and STAGES[at + 1][1]
    end
  end
  return STAGES[1][2], STAGES[2][1]
end

local function job_key(fleet)
  return keys.of_fleet(fleet, 'repair')
end

-- The server's run: cursors of SCAN, HSCAN and SSCAN mean nothing to another. '' where INFO is forbidden.
local function present_run()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
end

local function real_time()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1e6 + tonumber(time[2])
end

-- Where a repair stands, written at the end of each slice.
local function note(fleet, job)
  redis.call('HSET', job_key(fleet), 'stage', job.stage, 'cursor', job.cursor, 'run', present_run(),
    'slices', job.slices, 'at', string.format('%d', real_time()), 'asked', job.asked, 'put_back', job.put_back)
end

local function worked(job, commands)
  job.left = job.left - commands
  return job.left <= 0
end

local function read_job(fleet, work)
  local found = redis.call('HMGET', job_key(fleet), 'stage', 'cursor', 'run', 'slices', 'at', 'asked', 'put_back')
  local job = {
    stage = found[1] or 'names', cursor = found[2] or '', slices = tonumber(found[4]) or 0,
    at = tonumber(found[5]) or 0, asked = found[6] or '0', put_back = found[7] or '0', left = work, worked = worked,
  }
  if found[3] ~= present_run() then
    job.stage, job.cursor = 'names', ''
  end
  return job
end

-- From now on the fleet is under repair. `asked` is '1' for a repair that somebody asked for: it drops keys that this
-- version does not know. `put_back` is '1' to put back what was set aside before.
function repair.begin(fleet, asked, put_back)
  fleet.layout = constants.UNDER_REPAIR
  redis.call('DEL', job_key(fleet))
  note(fleet, { stage = 'names', cursor = '', slices = 0, asked = asked, put_back = put_back })
  return { 'BEGUN' }
end

-- Keeps what nobody can use, for people to look at.
function repair.set_aside(fleet, what, record)
  redis.call('HSET', keys.of_fleet(fleet, 'aside'), what, record)
end

-- Whether the last slice of a repair ended within so many µs; one that began by itself does not count where one is
-- `asked` for.
function repair.is_under_way(fleet, patience, asked)
  local job = read_job(fleet, 0)
  local goes_on = fleet.layout == constants.UNDER_REPAIR and real_time() - job.at < patience
  return goes_on and (job.asked == '1' or asked ~= '1')
end

-- An error was met: the fleet is to be repaired.
function repair.suspect(fleet, message)
  local why = type(message) == 'table' and message.err or tostring(message)
  if fleet.suspect ~= why then
    redis.log(redis.LOG_WARNING, 'fleet ' .. fleet.prefix .. ' is suspect: ' .. why)
  end
  fleet.suspect = why
end

-- Of a fleet that must be repaired, whatever can be read of it -> {SUSPECT, 1 for the caller to see to it and 0 while
-- somebody else does, why the last who did so did not repair it, '' where nobody did}. O(1).
function repair.claim(key)
  local job, now = string.sub(key, 1, -6) .. 'repair', real_time()
  local found = redis.pcall('HMGET', job, 'claimed', 'blocked')
  if found.err then
    redis.call('UNLINK', job)
  end
  local claimed, blocked = tonumber(found[1] or ''), found[2] or ''
  if claimed and now >= claimed and now - claimed < (blocked == '' and CLAIM or AGAIN) then
    return { 'SUSPECT', 0, blocked }
  end
  redis.call('HSET', job, 'claimed', string.format('%d', now))
  return { 'SUSPECT', 1, blocked }
end

-- Whether a fleet has been found to need a repair since the last one began.
function repair.is_claimed(fleet)
  return type(redis.pcall('HGET', job_key(fleet), 'claimed')) == 'string'
end

-- Notes why a fleet is not repaired by itself -> {BLOCKED} | {UNKNOWN_FLEET}. O(1).
function repair.block(key, why)
  local prefix = string.sub(key, 1, -6)
  if redis.call('EXISTS', key, prefix .. 'document') == 0 then
    return { 'UNKNOWN_FLEET' }
  end
  redis.call('HSET', prefix .. 'repair', 'claimed', string.format('%d', real_time()), 'blocked', why)
  return { 'BLOCKED' }
end

-- Why it is not, '' where nothing is in the way.
function repair.blocked(fleet)
  return redis.call('HGET', job_key(fleet), 'blocked') or ''
end

-- patience: µs without a slice after which somebody else's repair is gone on with.
--   -> {SLICE, next stage} | {REPAIRED, slices, records set aside} | {WAIT} while another goes on
--    | {SOUND} for a fleet that is not under repair | {UNKNOWN_FLEET} | {NEWER_FLEET} | {OLDER_FLEET}. O(work).
function repair.slice(key, now, work, patience)
  local fleet, refusal = state.read(key, true)
  if not fleet then
    return { refusal }
  elseif fleet.layout ~= constants.UNDER_REPAIR then
    return { 'SOUND' }
  end
  local job = read_job(fleet, work)
  if real_time() - job.at < patience then
    return { 'WAIT' }
  end
  -- writes
  local stage, following = find_stage(job.stage)
  job.now, job.slices = now, job.slices + 1
  local cursor = stage(fleet, job, job.cursor)
  if not cursor and not following then
    redis.call('DEL', job_key(fleet))
    state.write(fleet)
    return { 'REPAIRED', job.slices, redis.call('HLEN', keys.of_fleet(fleet, 'aside')) }
  end
  job.stage, job.cursor = cursor and job.stage or following, cursor or ''
  note(fleet, job)
  state.write(fleet)
  return { 'SLICE', job.stage }
end
