-- Token bits: two a pool, which SLTA and SLTA-greedy count and pick. `green:<class>` has those of the confirmed pools
-- of a class with fewer than l_i(r) sessions, `yellow` those of class i_r with fewer than j_r, each by place in the
-- class. This module alone writes them. r is stored as its coordinate, `estimate_class`, the id of the class, and
-- `estimate_level`, which it keeps while the fleet has no pools.
--
-- In `counts`: `rank`, 0 without pools; `green` by class and `green_total`, `yellow`; `thresholds` by class; `class`
-- and `level` at r, and `previous`, the class at r - 1, 0 for the first rank.

bits = {}

local SPAN = 48 -- bytes of a row that are read at once
local CHUNK = 4000 -- words of one call
local MASKS = { [0] = 128, 64, 32, 16, 8, 4, 2, 1 } -- of the bits of a byte by offset

local set_bits = {} -- offsets of the set bits by byte, filled on first use; bit 0 is the highest

local function list_set_bits(byte)
  local found = {}
  for offset = 0, 7 do
    found[#found + 1] = math.floor(byte / 2 ^ (7 - offset)) % 2 == 1 and offset or nil
  end
  found.count, set_bits[byte] = #found, found
  return found
end

-- The nth set bit, from 0, of a row. Bisects it until SPAN bytes contain the bit. O(log pools) commands.
local function find(key, nth)
  local low, bytes = 0, redis.call('GETRANGE', key, 0, SPAN)
  if #bytes > SPAN then
    local high = redis.call('STRLEN', key)
    while high - low > SPAN do
      local middle = math.floor((low + high) / 2)
      local before = redis.call('BITCOUNT', key, low, middle - 1)
      if nth < before then
        high = middle
      else
        nth, low = nth - before, middle
      end
    end
    bytes = redis.call('GETRANGE', key, low, high - 1)
  end
  local byte_at = string.byte
  for at = 1, #bytes do
    local byte = byte_at(bytes, at)
    local offsets = set_bits[byte] or list_set_bits(byte)
    local count = offsets.count
    if nth < count then
      return (low + at - 1) * 8 + offsets[nth + 1]
    end
    nth = nth - count
  end
end

-- The number of the nth pool of a class with a token.
function bits.select(fleet, token, class, nth)
  local compiled = fleet.tables_of
  local place = find(token == 'green' and compiled.keys.green[class] or compiled.keys.yellow, nth)
  return keys.first_number(compiled.ids[class]) + place
end

-- The row of these pools of a class, as a string. O(pools).
local function row(first, numbers)
  local bytes, last = {}, 0
  for at = 1, #numbers do
    local place = numbers[at] - first
    local offset = place % 8
    local byte = (place - offset) / 8 + 1
    for missing = last + 1, byte do
      bytes[missing] = 0
    end
    last = byte > last and byte or last
    bytes[byte] = bytes[byte] + MASKS[offset]
  end
  local parts = {}
  for from = 1, last, CHUNK do
    parts[#parts + 1] = string.char(unpack(bytes, from, math.min(last, from + CHUNK - 1)))
  end
  return table.concat(parts)
end

-- The row of the pools of a class with fewer than `level` sessions, and their number. O(pools).
local function row_below(fleet, class, level)
  local compiled, numbers = fleet.tables_of, {}
  if level > 0 then
    numbers = redis.call('ZRANGE', compiled.keys.pools[class], '-inf', level - 1, 'BYSCORE')
  end
  return row(keys.first_number(compiled.ids[class]), numbers), #numbers
end

-- Writes such a row; returns the number of its pools. O(pools).
local function write(fleet, key, class, level)
  local bytes, count = row_below(fleet, class, level)
  if count > 0 then
    redis.call('SET', key, bytes)
  else
    redis.call('DEL', key)
  end
  return count
end

-- Calls visit(key, its bits as they follow from r and the sorted sets) for the rows of a class. O(pools).
function bits.each_row(fleet, class, visit)
  local counts, all = fleet.counts, fleet.tables_of.keys
  visit(all.green[class], (row_below(fleet, class, counts.thresholds[class])))
  if class == counts.class then
    visit(all.yellow, (row_below(fleet, class, counts.level)))
  end
end

-- Whether r is a coordinate of the order.
function bits.has_rank(fleet)
  local compiled = fleet.tables_of
  local capacity = compiled.capacities[compiled.index_by_id[fleet.estimate_class]]
  return capacity ~= nil and fleet.estimate_level >= 1 and fleet.estimate_level <= capacity
end

-- Sets the coordinate of a rank, and the class before it.
local function locate(fleet, counts, rank)
  local compiled = fleet.tables_of
  counts.rank, counts.class, counts.level = rank, compiled.order_class[rank] or 0, compiled.order_level[rank] or 0
  counts.previous = compiled.order_class[rank - 1] or 0
  if counts.class > 0 then
    fleet.estimate_class, fleet.estimate_level = compiled.ids[counts.class], counts.level
  end
end

-- l_i(r): the highest level of a class that ranks better than r.
local function threshold(fleet, class)
  local ranks, rank = fleet.tables_of.ranks[class], fleet.counts.rank
  return tables.highest(#ranks, function(level) return ranks[level] < rank end)
end

-- Makes the counts from r and the rows. O(classes).
function bits.count(fleet)
  local counts, compiled = fleet.counts, fleet.tables_of
  counts.green, counts.thresholds, counts.green_total = {}, {}, 0
  local ranks = compiled.ranks[compiled.index_by_id[fleet.estimate_class]]
  locate(fleet, counts, compiled.active > 0 and ranks and ranks[fleet.estimate_level] or 0)
  for class = 1, #compiled.names do
    counts.thresholds[class] = threshold(fleet, class)
    counts.green[class] = redis.call('BITCOUNT', compiled.keys.green[class])
    counts.green_total = counts.green_total + counts.green[class]
  end
  counts.yellow = redis.call('BITCOUNT', compiled.keys.yellow)
end

local function set_green(counts, class, count)
  counts.green_total = counts.green_total + count - counts.green[class]
  counts.green[class] = count
end

-- Writes what differs for r = `rank`, all bits if `all`. O(pools of the classes whose threshold changes).
local function move_to(fleet, rank, all)
  local counts, compiled = fleet.counts, fleet.tables_of
  local class_before, level_before = counts.class, counts.level
  locate(fleet, counts, rank)
  for class = 1, #compiled.names do
    local level = threshold(fleet, class)
    if all or level ~= counts.thresholds[class] then
      counts.thresholds[class] = level
      set_green(counts, class, write(fleet, compiled.keys.green[class], class, level))
    end
  end
  if all or counts.class ~= class_before or counts.level ~= level_before then
    counts.yellow = counts.class > 0 and write(fleet, compiled.keys.yellow, counts.class, counts.level) or 0
  end
  if counts.class == 0 then
    redis.call('DEL', compiled.keys.yellow)
  end
end

-- Renames a row, which has none of its bits if it is missing.
local function move(count, from, to)
  if count > 0 then
    redis.call('RENAME', from, to)
  else
    redis.call('DEL', to)
  end
end

-- r <- r + 1: the green bits of class i_r are its former yellow ones. O(pools of the new class at r).
local function step_up(fleet, counts, all)
  local class = counts.class
  move(counts.yellow, all.yellow, all.green[class])
  set_green(counts, class, counts.yellow)
  counts.thresholds[class] = counts.level
  locate(fleet, counts, counts.rank + 1)
  counts.yellow = write(fleet, all.yellow, counts.class, counts.level)
  fleet.learning_steps_up = fleet.learning_steps_up + 1
end

-- r <- r - 1: the yellow bits are the former green ones of class i_{r-1}. O(its pools).
local function step_down(fleet, counts, all)
  locate(fleet, counts, counts.rank - 1)
  local class = counts.class
  counts.yellow = counts.green[class]
  move(counts.yellow, all.green[class], all.yellow)
  counts.thresholds[class] = counts.level - 1
  set_green(counts, class, write(fleet, all.green[class], class, counts.level - 1))
  fleet.learning_steps_down = fleet.learning_steps_down + 1
end

-- Moves r by a step of 1 or -1 after a placement. With a single pool r follows N, see `on_change`.
function bits.step(fleet, step)
  if fleet.tables_of.active > 1 then
    (step > 0 and step_up or step_down)(fleet, fleet.counts, fleet.tables_of.keys)
  end
end

-- r <- `rank`, a worse one; counted as the steps between.
function bits.rise_to(fleet, rank)
  fleet.learning_steps_up = fleet.learning_steps_up + rank - fleet.counts.rank
  move_to(fleet, rank)
end

-- The bits that a decision counts: by class and in all, and the yellow ones. `with_quiet`: of both sorted sets, by the
-- same thresholds. O(classes).
function bits.candidates(fleet, with_quiet)
  local counts, compiled = fleet.counts, fleet.tables_of
  if not with_quiet then
    return counts.green, counts.green_total, counts.yellow
  end
  local green = {}
  for class = 1, #compiled.names do
    green[class] = occupancies.count_below(fleet, class, counts.thresholds[class], true)
  end
  local yellow = counts.class > 0 and occupancies.count_below(fleet, counts.class, counts.level, true) or 0
  return green, vectors.sum(green), yellow
end

-- The number of the nth of these pools of a class.
function bits.select_candidate(fleet, token, class, nth, with_quiet)
  if not with_quiet then
    return bits.select(fleet, token, class, nth)
  end
  local counts = fleet.counts
  local level = token == 'green' and counts.thresholds[class] or counts.level
  return occupancies.select_below(fleet, class, level, nth, true)
end

-- The next step of r, from the candidates just before an arrival: -1 if it may fall and enough are green, 1 if none is
-- green and at most one yellow, else 0.
function bits.learning_step(fleet, green_total, yellow, may_fall)
  if may_fall and green_total >= fleet.tables_of.min_green then
    return -1
  elseif green_total == 0 and yellow <= 1 and fleet.counts.rank < fleet.tables_of.last_rank then
    return 1
  end
  return 0
end

-- A confirmed pool whose occupancy rose to a threshold (`change` is 1) loses its bit, one whose occupancy fell from it
-- (-1) regains it. With a single pool there are never two green bits, so r could not fall: it is set to r*. O(1).
function bits.on_change(fleet, class, number, level, change)
  local counts, compiled = fleet.counts, fleet.tables_of
  local present = change < 0 and 1 or 0
  if level == counts.thresholds[class] then
    redis.call('SETBIT', compiled.keys.green[class], number - keys.first_number(compiled.ids[class]), present)
    set_green(counts, class, counts.green[class] - change)
  end
  if class == counts.class and level == counts.level then
    redis.call('SETBIT', compiled.keys.yellow, number - keys.first_number(compiled.ids[class]), present)
    counts.yellow = counts.yellow - change
  end
  if compiled.active == 1 then
    move_to(fleet, math.min(fleet.sessions + 1, compiled.last_rank))
  end
end

-- A pool comes to the confirmed ones in service, or goes.
function bits.move_pool(fleet, class, number, occupancy, is_here)
  local counts, compiled = fleet.counts, fleet.tables_of
  local place = number - keys.first_number(compiled.ids[class])
  local is_green = is_here and occupancy < counts.thresholds[class] and 1 or 0
  local was_green = redis.call('SETBIT', compiled.keys.green[class], place, is_green)
  set_green(counts, class, counts.green[class] + is_green - was_green)
  if class == counts.class then
    local is_yellow = is_here and occupancy < counts.level and 1 or 0
    counts.yellow = counts.yellow + is_yellow - redis.call('SETBIT', compiled.keys.yellow, place, is_yellow)
  end
end

-- r after pools or the configuration changed: r* if curves or policy did (`reset`) or there is a single pool, else that
-- of the present coordinate, if it still exists; 0 without pools.
local function rank_after(fleet, reset)
  local compiled = fleet.tables_of
  local class = compiled.index_by_id[fleet.estimate_class]
  if compiled.active == 0 then
    return 0
  elseif reset or compiled.active == 1 or not class then
    return tables.optimal_rank(fleet)
  end
  return tables.at_or_after(fleet, class, fleet.estimate_level)
end

-- Writes the bits that differ after pools changed, all after a change of the configuration.
function bits.rebuild(fleet, reset, all)
  if fleet.tables_of.active == 0 and reset then
    local class, level = tables.best(fleet)
    fleet.estimate_class, fleet.estimate_level = fleet.tables_of.ids[class], level
  end
  if all then
    bits.count(fleet)
  end
  move_to(fleet, rank_after(fleet, reset), all)
end

-- Removes all bits.
function bits.clear(fleet)
  local all = fleet.tables_of.keys
  for class = 1, #all.green do
    redis.call('DEL', all.green[class])
  end
  redis.call('DEL', all.yellow)
  fleet.estimate_class, fleet.estimate_level = 0, 0
end

function bits.rank(fleet)
  return fleet.counts.rank
end
