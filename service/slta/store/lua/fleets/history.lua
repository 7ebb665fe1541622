-- The history of the integrals, from which any dispatcher can average over the last minute, five minutes or hour.
-- `past:<window>` holds one line per sixtieth of the window, newest first: the integrals as in `history.integrals`,
-- and after ` # ` the counter `assigned` and those of REJECTED at the same instant.

history = {}

local REJECTED = { 'rejected_no_capacity', 'rejected_no_active_pool' }

local function time_of(line)
  return tonumber(string.match(line, '%S+ (%S+)'))
end

-- Whether a line consists of integrals, those of types and sums as in `history.integrals`, and of the counters.
local function is_line(line)
  local integrals, counts = string.match(line, '^([^|/#]*)[^#]* # ([^|/#]*)$')
  for _, word in ipairs(vectors.split((string.gsub(line, '[|/#]', ' ')))) do
    if not tonumber(word) then
      return false
    end
  end
  return integrals and #vectors.split(integrals) >= 8 and #vectors.split(counts) == 1 + #REJECTED
end

-- As text. No tick rejects a session: the stored counters are the present ones.
local function counters(fleet)
  local rejected = redis.call('HMGET', keys.of_fleet(fleet, 'cold'), unpack(REJECTED))
  return string.format('%.0f %s %s', fleet.assigned, rejected[1] or '', rejected[2] or '')
end

-- Whether every line of a window is valid; true for an empty window.
function history.is_valid(fleet, window)
  local lines = redis.pcall('LRANGE', keys.of_past(fleet, window), 0, -1)
  for _, line in ipairs(lines) do
    if not is_line(line) then
      return false
    end
  end
  return not lines.err
end

-- The newest line without its counters, its utilities version, time and session integral; nil for an empty history.
function history.newest(fleet)
  local line = redis.call('LINDEX', keys.of_past(fleet, constants.WINDOWS[1]), 0)
  line = line and string.match(line, '^[^#]*')
  local version, high, low = string.match(line or '', '^(%S+) %S+ (%S+) (%S+)')
  return line and {
    line = line, version = tonumber(version), time = time_of(line),
    sessions = tonumber(low) and tonumber(high) + tonumber(low),
  }
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

-- Appends a line to each window whose newest one is old enough. O(1) on average.
function history.append(fleet)
  local line
  for _, window in ipairs(constants.WINDOWS) do
    local key = keys.of_past(fleet, window)
    local newest = redis.call('LINDEX', key, 0)
    if not newest or fleet.time - time_of(newest) >= window / 60 * 1e6 then
      if not line then
        accounting.integrate_pools(fleet)
        line = history.integrals(fleet) .. ' # ' .. counters(fleet)
      end
      redis.call('LPUSH', key, line)
      redis.call('LTRIM', key, 0, 60)
    end
  end
end

-- -> {PAST, the lines of a window, newest first}; an empty list for an unknown window.
function history.list(fleet, given)
  return { 'PAST', redis.call('LRANGE', keys.of_past(fleet, given.window), 0, -1) }
end

-- The newest line that is at least `window` seconds old, else the oldest; nil for an empty history.
function history.line_before(fleet, window)
  local lines = redis.call('LRANGE', keys.of_past(fleet, window), 0, -1)
  for _, line in ipairs(lines) do
    if fleet.time - time_of(line) >= window * 1e6 then
      return line
    end
  end
  return lines[#lines]
end
