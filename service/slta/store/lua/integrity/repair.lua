-- The repair of a fleet: rebuilds it from its session records, pools and document. One call runs one slice. Progress is
-- written to {fleet}:repair with the slice's changes, so that any dispatcher can continue, even after a crash. During a
-- repair the state has the layout UNDER_REPAIR, all other calls answer REPAIRING, and fleet time stands still.
--
-- The parts (see `walk`) are its stages, and `job` is the slice. Stages are idempotent: one may be restarted at any
-- time.

repair = {}

local CLAIM_TIME = 30e6 -- µs during which a claimed fleet is not claimed again
local RETRY_TIME = 60e6 -- µs after which a blocked repair is tried again

-- Writes the progress of a repair, at the end of each slice, with the server's run id: cursors of SCAN, HSCAN and SSCAN
-- are valid within one run only.
local function write_job(fleet, job)
  redis.call('HSET', keys.of_fleet(fleet, 'repair'), 'stage', job.stage, 'cursor', job.cursor,
    'run', incarnations.run_id(), 'slices', job.slices, 'at', string.format('%d', fleet_time.server_time()),
    'asked', job.asked, 'put_back', job.put_back)
end

local function read_job(fleet, work)
  local key = keys.of_fleet(fleet, 'repair')
  local found = redis.call('HMGET', key, 'stage', 'cursor', 'run', 'slices', 'at', 'asked', 'put_back')
  local job = repair_writes.slice(work, {
    stage = found[1] or 'names', cursor = found[2] or '', slices = tonumber(found[4]) or 0,
    at = tonumber(found[5]) or 0, asked = found[6] or '0', put_back = found[7] or '0',
  })
  if found[3] ~= incarnations.run_id() then
    job.stage, job.cursor = 'names', ''
  end
  return job
end

-- Puts the fleet under repair. A `requested` repair also drops unknown keys; with `put_back` it puts back what was set
-- aside before.
function repair.begin(fleet, given)
  fleet.layout = constants.UNDER_REPAIR
  redis.call('DEL', keys.of_fleet(fleet, 'repair'))
  write_job(fleet, {
    stage = 'names', cursor = '', slices = 0,
    asked = given.requested and '1' or '0', put_back = given.put_back and '1' or '0',
  })
  return { 'BEGUN' }
end

-- Whether the last slice of a repair ended less than `patience` µs ago: whoever runs it has it so long.
local function is_held(job, patience)
  return jobs.left({ since = job.at, duration = patience }, fleet_time.server_time()) > 0
end

-- Whether the fleet's repair is held, as by `is_held`. An automatic one does not count if one is `requested`.
function repair.is_under_way(fleet, patience, requested)
  local job = read_job(fleet, 0)
  return fleet.layout == constants.UNDER_REPAIR and is_held(job, patience) and (job.asked == '1' or not requested)
end

-- Claims the repair of a damaged fleet, even if its state is unreadable -> {SUSPECT, 1 if the caller has claimed it, 0
-- if another has, the reason why the last attempt was blocked or ''}. O(1).
function repair.claim(key)
  local job = string.sub(key, 1, -6) .. 'repair'
  local blocked = redis.pcall('HGET', job, 'blocked')
  if type(blocked) == 'table' then -- an error: its type is wrong
    redis.call('UNLINK', job)
    blocked = false
  end
  local duration = blocked and RETRY_TIME or CLAIM_TIME
  local is_ours = jobs.take(job, 'claimed', duration, fleet_time.server_time(), '')
  return { 'SUSPECT', is_ours and 1 or 0, blocked or '' }
end

-- Whether the fleet was claimed since the last repair began.
function repair.is_claimed(fleet)
  return type(redis.pcall('HGET', keys.of_fleet(fleet, 'repair'), 'claimed')) == 'string'
end

-- Records the reason why an automatic repair is blocked -> {BLOCKED} | {UNKNOWN_FLEET}. O(1).
function repair.block(key, given)
  local prefix = string.sub(key, 1, -6)
  if redis.call('EXISTS', key, prefix .. 'document') == 0 then
    return { 'UNKNOWN_FLEET' }
  end
  redis.call('HSET', prefix .. 'repair', 'claimed', string.format('%d', fleet_time.server_time()), 'blocked',
    given.reason)
  return { 'BLOCKED' }
end

-- Forgets the claim of a repair that has not begun, and why one was blocked: a new document may permit it. O(1).
function repair.forget(fleet)
  redis.call('UNLINK', keys.of_fleet(fleet, 'repair'))
end

-- The reason why an automatic repair is blocked, '' if it is not.
function repair.blocked(fleet)
  return redis.call('HGET', keys.of_fleet(fleet, 'repair'), 'blocked') or ''
end

-- patience: µs without a slice after which another dispatcher's repair is continued.
--   -> {SLICE, next stage, sessions that lost their types} | {REPAIRED, slices, records set aside}
--    | {WAIT} while another dispatcher repairs | {SOUND} if the fleet is not under repair
--    | {UNKNOWN_FLEET} | {NEWER_FLEET}. O(work).
function repair.slice(key, given)
  local fleet, refusal = state.read(key, true)
  if not fleet then
    return { refusal }
  elseif fleet.layout ~= constants.UNDER_REPAIR then
    return { 'SOUND' }
  end
  local job = read_job(fleet, given.work)
  if is_held(job, given.patience) then
    return { 'WAIT' }
  end
  -- writes
  cold.load_all(fleet)
  local run, stage, following = walk.find('write', job.stage)
  job.now, job.slices = given.clock, job.slices + 1
  local cursor = run(fleet, job, stage == job.stage and job.cursor or '')
  if not cursor and following == '' then
    redis.call('DEL', keys.of_fleet(fleet, 'repair'))
    return { 'REPAIRED', job.slices, redis.call('HLEN', keys.of_fleet(fleet, 'aside')) }, fleet
  end
  job.stage, job.cursor = cursor and stage or following, cursor or ''
  write_job(fleet, job)
  return { 'SLICE', job.stage, job.without_type or 0 }, fleet
end
