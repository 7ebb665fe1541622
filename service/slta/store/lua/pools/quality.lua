-- Quality that pools report of their sessions, by class and level: samples of the utility of one pool at this level.
--
-- A pool's value counts once for a visit to a level, and in *rounds*: values of QUORUM pools, or of all if fewer are in
-- service, are added together, so that no pool is more than a third of a level. In a round of QUORUM a value is cut to
-- LIMIT spreads of the class from the median. After FULL samples of a level its sums are halved: newer ones count more.
--
-- {fleet}:quality is a hash. "class_id:level" has "samples pools sum squares", and "pool_index=value" of the round that
-- is not full; "class_id" the number of full rounds of the class, and the sum of their spreads relative to the median.
-- The row `sampled:<class>` has bit pool_index * (capacity + 1) + level of each pool with a sample at a level. The
-- levels last sampled are in the memory of the server's process: without it a pool's next value counts once more.
-- The cold field of this name has whose value it is, "session" or "pool", and the unit; '' if the fleet measures none.

quality = {}

local QUORUM, LIMIT, FULL = 3, 4, 256
local NORMAL = 2.2 -- standard deviation of three normal values by the mean distance of the median to the nearer one
local TAKEN, MOVED, REPEATED, UNUSED = 't', 'm', 'r', 'u' -- what becomes of a value

local MAX_VISITS = 131072 -- levels last sampled of all fleets; beyond, they are forgotten

local visits, count = {}, 0 -- by prefix: the epoch of the fleet, and the level last sampled of each pool by its number

-- Whether the pool has come to this level since its last sample.
local function begins_visit(fleet, pool_number, level)
  if count >= MAX_VISITS then
    visits, count = {}, 0
  end
  local known = visits[fleet.prefix]
  if not known or known.epoch ~= fleet.store_epoch then
    known = { epoch = fleet.store_epoch, levels = {} }
    visits[fleet.prefix] = known
  end
  local last = known.levels[pool_number]
  known.levels[pool_number], count = level, last and count or count + 1
  return last ~= level
end

-- Forgets all samples of a fleet, before its classes change.
function quality.drop(fleet)
  visits[fleet.prefix] = nil
  redis.call('UNLINK', keys.of_fleet(fleet, 'quality'))
  for class_index = 1, #fleet.numbers do
    redis.call('UNLINK', keys.of_class(fleet, 'sampled', class_index))
  end
end

-- Parses a level's record: { samples, pools, sum, squares }, and the values of its open round in order; nil if it is
-- unreadable.
function quality.parse(text)
  local round, numbers = {}, vectors.split(string.gsub(text, '%d+=%S+', ''), true)
  for pool_index, value in string.gmatch(text, '(%d+)=(%S+)') do
    round[#round + 1] = { pool_index = tonumber(pool_index), value = tonumber(value) }
    numbers[#numbers + 1] = round[#round].value
  end
  local is_valid = #round < QUORUM and vectors.is_valid('vector', numbers, 4 + #round)
  return is_valid and { unpack(numbers, 1, 4) } or nil, round
end

-- Formats a level's record.
function quality.text(numbers, round)
  local words = { vectors.encode(numbers) }
  for at, one in ipairs(round) do
    words[at + 1] = string.format('%d=%.17g', one.pool_index, one.value)
  end
  return table.concat(words, ' ')
end

-- Cuts the values of a full round by the spread of the class, which is added to `spreads`: rounds and sum.
local function cut(round, spreads)
  table.sort(round, function(a, b) return a.value < b.value end)
  local low, middle, high = round[1].value, round[2].value, round[3].value
  if middle > 0 then
    spreads[1], spreads[2] = spreads[1] + 1, spreads[2] + NORMAL * math.min(middle - low, high - middle) / middle
    local limit = LIMIT * middle * spreads[2] / spreads[1]
    round[1].value, round[3].value = math.max(low, middle - limit), math.min(high, middle + limit)
  end
end

-- Adds a full round to a level's numbers.
local function add(fleet, class_index, level, numbers, round)
  local row, width = keys.of_class(fleet, 'sampled', class_index), fleet.capacities[class_index] + 1
  local kept = numbers[1] >= FULL and math.floor(numbers[1] / 2) / numbers[1] or 1
  numbers[1], numbers[3], numbers[4] = numbers[1] * kept, numbers[3] * kept, numbers[4] * kept
  for _, one in ipairs(round) do
    local is_new = redis.call('SETBIT', row, one.pool_index * width + level, 1) == 0
    numbers[1], numbers[2] = numbers[1] + 1, numbers[2] + (is_new and 1 or 0)
    numbers[3], numbers[4] = numbers[3] + one.value, numbers[4] + one.value * one.value
  end
end

-- Takes the value of a pool at a level into the round; a pool that is in it already waits for the next.
local function enter(fleet, pool, level, value)
  local class_index, key = pool.class_index, keys.of_fleet(fleet, 'quality')
  local class_id = fleet.numbers[class_index]
  local field = class_id .. ':' .. level
  local stored = redis.call('HMGET', key, field, class_id)
  local numbers, round = quality.parse(stored[1] or '')
  numbers, round = numbers or vectors.zeros(4), numbers and round or {}
  for _, one in ipairs(round) do
    if one.pool_index == pool.pool_index then
      return REPEATED
    end
  end
  round[#round + 1] = { pool_index = pool.pool_index, value = value }
  local spreads, is_full = vectors.split(stored[2] or '', true), #round >= math.min(QUORUM, fleet.pools[class_index])
  spreads = spreads[2] and spreads or { 0, 0 }
  if #round == QUORUM then
    cut(round, spreads)
  end
  if is_full then
    add(fleet, class_index, level, numbers, round)
  end
  redis.call('HSET', key, field, quality.text(numbers, is_full and {} or round), class_id, vectors.encode(spreads))
  return TAKEN
end

-- The value that a pool with `held` sessions sends: a letter for what becomes of it. It does not count if the fleet
-- measures none, or if the pool has another number of sessions here. O(1).
function quality.take(fleet, pool, held, value)
  cold.load(fleet, 'quality')
  local level = fleet.quality ~= '' and ledger.occupancy(fleet, pool.pool_number) or 0
  if level == 0 or level > fleet.capacities[pool.class_index] then
    return UNUSED
  elseif held ~= level then
    return MOVED
  elseif not begins_visit(fleet, pool.pool_number, level) then
    return REPEATED
  end
  return enter(fleet, pool, level, string.find(fleet.quality, '^session') and value * level or value)
end

-- What is wrong with a field of the hash; nil if nothing is. O(1).
function quality.fault(fleet, _, field, text)
  local class_id, level = string.match(field, '^(%d+):?(%d*)$')
  local class_index, numbers, round = fleet.index_by_id[tonumber(class_id)], quality.parse(text)
  level = level ~= '' and tonumber(level)
  if not class_index or level and (level < 1 or level > fleet.capacities[class_index]) then
    return 'is of no level of the fleet'
  elseif level and not (numbers and quality.text(numbers, round) == text) then
    return 'is unreadable'
  elseif not level and not vectors.is_valid('vector', vectors.split(text, true), 2) then
    return 'is unreadable'
  end
end

-- "class_index level samples pools sum squares" of each level with samples, with bars between. O(levels with samples).
function quality.list(fleet)
  local flat, texts = redis.call('HGETALL', keys.of_fleet(fleet, 'quality')), {}
  for at = 1, #flat, 2 do
    local class_id, level = string.match(flat[at], '^(%d+):(%d+)$')
    local class_index, numbers = fleet.index_by_id[tonumber(class_id)], quality.parse(flat[at + 1])
    if class_index and level and numbers and numbers[1] > 0 then
      texts[#texts + 1] = vectors.encode({ class_index, tonumber(level), unpack(numbers) })
    end
  end
  return table.concat(texts, '|')
end
