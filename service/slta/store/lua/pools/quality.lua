-- Quality that pools report of their sessions, by class and level: samples of the utility of one pool at this level.
--
-- A pool's value counts once for a visit to a level, and in *rounds*: values of QUORUM pools, or of all if fewer are in
-- service, are added together, so that no pool is more than a third of a level. In a round of QUORUM a value is cut to
-- LIMIT spreads of the class from the median. After FULL samples of a level its sums are halved: newer ones count more.
--
-- {fleet}:quality is a hash: "class:level" has "samples pools sum squares". The row `sampled:<class>` has bit
-- place * (capacity + 1) + level of each pool with a sample at a level. A heartbeat writes neither: what it brings
-- is in the memory of the server's process, and a tick adds it; with the process a few values are lost. The setting
-- of this name has whose value it is, "session" or "pool", and the unit; '' if the fleet measures none.

quality = {}

local QUORUM, LIMIT, FULL = 3, 4, 256
local NORMAL = 2.2 -- standard deviation of three normal values by the mean distance of the median to the nearer one
local LARGEST = 1e30 -- of sums of squares: FULL values of a billion on each of 16,384 sessions
local TAKEN, MOVED, REPEATED, UNUSED = 't', 'm', 'r', 'u' -- what becomes of a value
local MAX_ROUNDS = 256 -- full rounds that wait for a tick; further values do not count
local MAX_KEPT = 131072 -- levels last sampled and open rounds of all fleets; beyond, they are forgotten

-- By prefix the epoch of the fleet; the `levels` last sampled, by pool number; open `rounds` by level, and `full` ones:
-- lists of { place =, value = }; `spreads` by class, number and sum of those relative to the median.
local memories, count = {}, 0 -- with the number of all levels and open rounds, and those of dropped fleets

local function memory_of(fleet)
  if count >= MAX_KEPT then
    memories, count = {}, 0
  end
  local memory = memories[fleet.prefix]
  if not memory or memory.epoch ~= fleet.store_epoch then
    memory = { epoch = fleet.store_epoch, levels = {}, rounds = {}, full = {}, spreads = {} }
    memories[fleet.prefix] = memory
  end
  return memory
end

-- Forgets all samples of a fleet, before its classes change.
function quality.drop(fleet)
  memories[fleet.prefix] = nil
  redis.call('UNLINK', fleet.tables_of.keys.quality)
  for class = 1, #fleet.tables_of.names do
    redis.call('UNLINK', fleet.tables_of.keys.sampled[class])
  end
end

-- Takes the value of a pool at a level into the open round, unless it is in it. A round may also become full as pools
-- leave service.
local function enter(fleet, memory, pool, level, value)
  local class, is_new = pool.class, true
  local at = class * constants.MAX_LEVELS + level
  local open = memory.rounds[at]
  local round = open or { class = class, level = level }
  for _, one in ipairs(round) do
    is_new = is_new and one.place ~= pool.place
  end
  round[#round + 1] = is_new and { place = pool.place, value = value } or nil
  local is_full = #round >= math.min(QUORUM, fleet.tables_of.pools[class])
  memory.rounds[at] = not is_full and round or nil
  memory.full[#memory.full + 1] = is_full and round or nil
  count = count + (is_full and 0 or 1) - (open and 1 or 0)
  return is_new and TAKEN or REPEATED
end

-- The value that a pool with `held` sessions sends, which has `level` here: a letter for what becomes of it. It does
-- not count if the fleet measures none. O(1).
function quality.take(fleet, pool, held, level, value)
  if fleet.tables_of.quality == '' or level == 0 or level > fleet.tables_of.capacities[pool.class] then
    return UNUSED
  elseif held ~= level then
    return MOVED
  end
  local memory = memory_of(fleet)
  local last = memory.levels[pool.pool_number]
  if last == level or #memory.full >= MAX_ROUNDS then
    return REPEATED
  end
  memory.levels[pool.pool_number], count = level, last and count or count + 1
  return enter(fleet, memory, pool, level, string.find(fleet.tables_of.quality, '^session') and value * level or value)
end

-- Cuts the values of a round by the spread of the class, to which it is added; to 0 if the median is 0.
local function cut(spreads, round)
  table.sort(round, function(a, b) return a.value < b.value end)
  local low, middle, high = round[1].value, round[2].value, round[3].value
  local known = spreads[round.class] or { 0, 0 }
  if middle > 0 then
    known = { known[1] + 1, known[2] + NORMAL * math.min(middle - low, high - middle) / middle }
    spreads[round.class] = known
  end
  local limit = middle > 0 and LIMIT * middle * known[2] / known[1] or 0
  round[1].value, round[3].value = math.max(low, middle - limit), math.min(high, middle + limit)
end

-- The numbers of a record; zeros if they are not those of samples.
local function numbers_of(text)
  local numbers = vectors.split(text or '', true)
  local is_valid = #numbers == 4 and math.min(numbers[1], numbers[2]) >= 1
    and math.min(numbers[3], numbers[4]) >= 0 and math.max(unpack(numbers)) < LARGEST
    and numbers[1] * numbers[4] >= numbers[3] * numbers[3] * (1 - 1e-9)
  return is_valid and numbers or vectors.zeros(4)
end

-- Adds a full round to the numbers of its level.
local function add(fleet, numbers, round)
  local row, width = fleet.tables_of.keys.sampled[round.class], fleet.tables_of.capacities[round.class] + 1
  if numbers[1] >= FULL then
    local half = math.floor(numbers[1] / 2)
    local kept = half / numbers[1]
    numbers[1], numbers[3], numbers[4] = half, numbers[3] * kept, numbers[4] * kept
  end
  for _, one in ipairs(round) do
    local is_new = redis.call('SETBIT', row, one.place * width + round.level, 1) == 0
    numbers[1], numbers[2] = numbers[1] + 1, numbers[2] + (is_new and 1 or 0)
    numbers[3], numbers[4] = numbers[3] + one.value, numbers[4] + one.value * one.value
  end
  numbers[2] = math.max(numbers[2], #round) -- the row may be older than a record that was lost
end

-- A part of ticks: adds the full rounds. O(MAX_ROUNDS).
function quality.settle(fleet)
  local memory = memories[fleet.prefix]
  if not memory or not memory.full[1] then
    return
  end
  memory = memory_of(fleet)
  local key, full, found = fleet.tables_of.keys.quality, memory.full, {}
  memory.full = {}
  for _, round in ipairs(full) do
    local field = round.class .. ':' .. round.level
    local numbers = found[field] or numbers_of(redis.call('HGET', key, field))
    if #round == QUORUM then
      cut(memory.spreads, round)
    end
    add(fleet, numbers, round)
    found[field] = numbers
  end
  for field, numbers in pairs(found) do
    redis.call('HSET', key, field, vectors.encode(numbers))
  end
end

-- Fields and values of the hash with spaces between, unchecked, as a snapshot has them. O(levels with samples).
function quality.list(fleet)
  return table.concat(redis.call('HGETALL', fleet.tables_of.keys.quality), ' ')
end
