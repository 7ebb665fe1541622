-- The history of the integrals, from which any dispatcher can average over the last minute, five minutes or hour.
-- `past:<window>` holds one line per sixtieth of the window, newest first: the integrals as in `history.integrals`,
-- and after ` # ` the counter `assigned` and those of REFUSED at the same instant. The longest one is kept for
-- `scale_window`, if that is longer.

history = {}

local LINES = 60 -- of a window, and the one before it
local LONGEST = constants.WINDOWS[#constants.WINDOWS]
local REFUSED = { 'rejected_no_capacity', 'rejected_no_active_pool', 'refused_ids' }
local MIN_STAY, MAX_STAY = 10e6, 3600e6 -- µs

-- The time of a line; nil if it is unreadable.
local function time_of(line)
  return tonumber(string.match(line, '^%d+ (%d+) '))
end

-- Parses a line of integrals, those of types and sums as in `history.integrals`, and of the counters: `integrals` and
-- `types` are the numbers that come first, and those of `intervals.encode`, if any; nil if it is invalid.
local function parse(line)
  local integrals, types, assigned = string.match(line, '^(%d+ %d+ [^|/#]*)/?([^|/#]*)[^#]* # (%d+) %d+ %d+ %d+$')
  local numbers = vectors.split(string.gsub(line, '[|/#]', ' '), true)
  integrals = vectors.split(integrals or '', true)
  return #integrals >= 8 and vectors.is_valid('vector', numbers, #numbers) and {
    version = integrals[1], time = integrals[2], sessions = integrals[3] + integrals[4], integrals = integrals,
    types = vectors.split(types, true), assigned = tonumber(assigned),
  } or nil
end

-- As text. No tick rejects a session: the stored counters are the present ones.
local function counters(fleet)
  local refused = redis.call('HMGET', keys.of_fleet(fleet, 'cold'), unpack(REFUSED))
  return string.format('%.0f %s %s %s', fleet.assigned, refused[1] or '', refused[2] or '', refused[3] or '')
end

-- The lines of a window that are invalid, or not older than the one before; one if the key is no list.
function history.invalid(fleet, window)
  local lines, found, before = redis.pcall('LRANGE', keys.of_past(fleet, window), 0, -1), {}, math.huge
  for _, text in ipairs(lines) do
    local line = parse(text)
    local is_valid = line and line.time < before
    found[#found + 1] = not is_valid and text or nil
    before = is_valid and line.time or before
  end
  return lines.err and { '' } or found
end

-- Removes a line of a window; all that the key holds if it is no list.
function history.drop(fleet, window, line)
  local key = keys.of_past(fleet, window)
  local lines = redis.pcall('LRANGE', key, 0, -1)
  redis.call('UNLINK', key)
  for at = #lines, 1, -1 do
    if lines[at] ~= line then
      redis.call('LPUSH', key, lines[at])
    end
  end
end

-- The newest line of a window, as from `parse`; nil for an empty history, or if it is invalid.
function history.newest(fleet, window)
  return parse(redis.call('LINDEX', keys.of_past(fleet, window or constants.WINDOWS[1]), 0) or '')
end

-- The integrals as one line of text: version, time, then (high, low) of sessions, utility, optimum and each class's
-- pools; after a slash, with session types, those of `intervals.encode`; after a bar `differences.sums`, if any. For
-- fleets whose pools are integrated.
function history.integrals(fleet)
  cold.load(fleet, 'utilities_version', 'pools_high', 'pools_low')
  local words = {
    fleet.utilities_version, fleet.time, fleet.sessions_high, fleet.sessions_low,
    fleet.utility_high, fleet.utility_low, fleet.optimum_high, fleet.optimum_low,
  }
  for class_index = 1, #fleet.pools do
    words[#words + 1] = fleet.pools_high[class_index]
    words[#words + 1] = fleet.pools_low[class_index]
  end
  local types = fleet.kinds > 0 and ' / ' .. intervals.encode(fleet) or ''
  local sums = differences.sums(fleet)
  return vectors.encode(words) .. types .. (sums and ' | ' .. vectors.encode(sums) or '')
end

-- Sets the mean stay, within its limits, by Little's law over the last hour: the integral of the sessions divided by
-- the number assigned. O(1).
local function measure_stay(fleet, key)
  local oldest = parse(redis.call('LINDEX', key, LINES) or redis.call('LINDEX', key, -1))
  if not oldest then
    return -- damaged: an audit finds it
  end
  local held = fleet.sessions_high + fleet.sessions_low - oldest.sessions
  local assigned = fleet.assigned - oldest.assigned
  local stay = assigned > 0 and held / assigned or MAX_STAY
  cold.set(fleet, 'mean_stay', false) -- written without being read
  fleet.mean_stay = math.floor(math.max(MIN_STAY, math.min(stay, MAX_STAY)))
end

-- Appends a line to each window whose newest one is old enough. O(1) on average.
function history.append(fleet)
  local line
  for _, window in ipairs(constants.WINDOWS) do
    local key = keys.of_past(fleet, window)
    local newest = redis.call('LINDEX', key, 0)
    local time = newest and time_of(newest)
    if not time or math.abs(fleet.time - time) >= window / 60 * 1e6 then
      if not line then
        accounting.integrate_pools(fleet)
        line = history.integrals(fleet) .. ' # ' .. counters(fleet)
      end
      redis.call('LPUSH', key, line)
      local longer = window == LONGEST and math.ceil(fleet.scale_window / 60e6) or 0
      redis.call('LTRIM', key, 0, math.max(LINES, longer))
      if longer > 0 then
        measure_stay(fleet, key)
      end
    end
  end
end

-- -> {PAST, the lines of a window, newest first}, as many as are kept; an empty list for an unknown window. Windows
-- above LONGEST have its lines.
function history.list(fleet, given)
  local window = math.min(given.window, LONGEST)
  return { 'PAST', redis.call('LRANGE', keys.of_past(fleet, window), 0, math.ceil(LINES * given.window / window)) }
end

-- The newest line that is at least `window` seconds old, else the oldest; nil for an empty history.
function history.line_before(fleet, window)
  local lines = redis.call('LRANGE', keys.of_past(fleet, window), 0, LINES)
  for _, line in ipairs(lines) do
    if fleet.time - (time_of(line) or fleet.time) >= window * 1e6 then
      return line
    end
  end
  return lines[#lines]
end
