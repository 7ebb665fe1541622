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

-- The time, the integral of the sessions and the counter `assigned` of a line; nil if it is invalid.
local function parse(line)
  local time, high, low, assigned = string.match(line, '^%d+ (%d+) (%S+) (%S+) .* # (%d+) %d+ %d+ %d+$')
  local held = (tonumber(high) or 0 / 0) + (tonumber(low) or 0 / 0)
  return time and held == held and { time = tonumber(time), sessions = held, assigned = tonumber(assigned) } or nil
end

-- As text.
local function counters(fleet)
  local words = { fleet.assigned }
  for at, name in ipairs(REFUSED) do
    words[at + 1] = fleet[name]
  end
  return vectors.encode(words)
end

-- The integrals as one line of text: version, time, then (high, low) of sessions, utility, optimum and each class's
-- pools; after a slash, with session types, those of `intervals.encode`; after a bar `differences.sums`, if any. For
-- fleets whose pools are integrated.
function history.integrals(fleet)
  local words = {
    fleet.utilities_version, fleet.time, fleet.sessions_high, fleet.sessions_low,
    fleet.utility_high, fleet.utility_low, fleet.optimum_high, fleet.optimum_low,
  }
  for class = 1, #fleet.pools_high do
    vectors.append(words, { fleet.pools_high[class], fleet.pools_low[class] })
  end
  local of_types = fleet.tables_of.types and ' / ' .. intervals.encode(fleet) or ''
  local sums = differences.sums(fleet)
  return vectors.encode(words) .. of_types .. (sums and ' | ' .. vectors.encode(sums) or '')
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
  fleet.mean_stay = math.floor(math.max(MIN_STAY, math.min(stay, MAX_STAY)))
end

-- Appends a line to each window whose newest one is old enough. O(1) on average.
function history.append(fleet)
  local line
  for _, window in ipairs(constants.WINDOWS) do
    local key = fleet.tables_of.keys.past .. window
    local newest = redis.call('LINDEX', key, 0)
    local time = newest and time_of(newest)
    if not time or math.abs(fleet.time - time) >= window / 60 * 1e6 then
      if not line then
        policies.integrate_pools(fleet)
        line = history.integrals(fleet) .. ' # ' .. counters(fleet)
      end
      redis.call('LPUSH', key, line)
      local longer = window == LONGEST and math.ceil(fleet.tables_of.scale_window / 60e6) or 0
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
  local last = math.ceil(LINES * given.window / window)
  return { 'PAST', redis.call('LRANGE', fleet.tables_of.keys.past .. window, 0, last) }
end

-- The newest line that is at least `window` seconds old, else the oldest; nil for an empty history.
function history.line_before(fleet, window)
  local lines = redis.call('LRANGE', fleet.tables_of.keys.past .. window, 0, LINES)
  for _, line in ipairs(lines) do
    if fleet.time - (time_of(line) or fleet.time) >= window * 1e6 then
      return line
    end
  end
  return lines[#lines]
end

-- Whether all words of a line are numbers, or part them.
local function is_valid(line)
  for word in string.gmatch(line, '%S+') do
    if not (tonumber(word) or string.find('|#/', word, 1, true)) then
      return false
    end
  end
  return parse(line) ~= nil
end

-- By key, whether a line of a history, or an event, is valid.
function history.checks(fleet)
  local checks = { [fleet.tables_of.keys.events] = events.is_valid }
  for _, window in ipairs(constants.WINDOWS) do
    checks[fleet.tables_of.keys.past .. window] = is_valid
  end
  return checks
end
