-- Bit rows: one bit per pool of a class, at its pool_index. A missing key is a row of zeros.

rows = {}

-- Below this many bytes one GETRANGE is faster than further bisection.
rows.SPAN = 48

function rows.count(key)
  return redis.call('BITCOUNT', key)
end

-- Writes the row of a class's active pools with fewer than `level` sessions, and returns their number. BITOP NOT would
-- lose the pools beyond the end of a short row. O(pools / 8).
function rows.write_below(destination, fleet, class_index, level)
  local active, reached = keys.of_class(fleet, 'active', class_index), keys.of_level(fleet, class_index, level)
  redis.call('BITOP', 'AND', destination, active, reached)
  redis.call('BITOP', 'XOR', destination, active, destination)
  return rows.count(destination)
end

function rows.copy(destination, source)
  redis.call('BITOP', 'OR', destination, source)
end

local set_bits -- the number of set bits by byte value; filled in a function, not at the top level

local function list_set_bits()
  set_bits = { [0] = 0 }
  for byte = 1, 255 do
    set_bits[byte] = set_bits[math.floor(byte / 2)] + byte % 2
  end
end

-- The offset of the nth set bit (from 0) of a byte; bit 0 is the highest.
local function find_in_byte(byte, nth)
  local mask = 128
  for offset = 0, 7 do
    if byte >= mask then
      if nth == 0 then
        return offset
      end
      nth = nth - 1
      byte = byte - mask
    end
    mask = mask / 2
  end
end

-- The bit offset of the nth set bit (from 0) of a list of bytes.
local function find_bit(bytes, nth)
  if not set_bits then
    list_set_bits()
  end
  for i = 1, #bytes do
    local count = set_bits[bytes[i]]
    if nth < count then
      return (i - 1) * 8 + find_in_byte(bytes[i], nth)
    end
    nth = nth - count
  end
end

-- Bisects `high` bytes until at most SPAN of them contain the nth set bit; `count(from, to)` counts set bits. Returns
-- the first byte, the byte after the last one, and n within them.
local function narrow(count, high, nth)
  local low = 0
  while high - low > rows.SPAN do
    local middle = math.floor((low + high) / 2)
    local below = count(low, middle - 1)
    if nth < below then
      high = middle
    else
      nth = nth - below
      low = middle
    end
  end
  return low, high, nth
end

local function bytes_of(key, low, high)
  return { string.byte(redis.call('GETRANGE', key, low, high - 1), 1, -1) }
end

-- The offset of the nth set bit (from 0) of a row: rank-select by bisection. O(log pools) calls, one for a short row.
function rows.select(key, nth)
  local low, bytes = 0, bytes_of(key, 0, rows.SPAN + 1)
  if #bytes > rows.SPAN then
    local high
    low, high, nth = narrow(function(from, to)
      return redis.call('BITCOUNT', key, from, to)
    end, redis.call('STRLEN', key), nth)
    bytes = bytes_of(key, low, high)
  end
  return low * 8 + find_bit(bytes, nth)
end

-- The same for the row `outer` without the bits of `inner`, a subset of it: counts and bytes are subtracted. Writes
-- nothing. O(log pools) calls.
function rows.select_between(outer, inner, nth)
  local low, high, left = narrow(function(from, to)
    return redis.call('BITCOUNT', outer, from, to) - redis.call('BITCOUNT', inner, from, to)
  end, redis.call('STRLEN', outer), nth)
  local bytes, without = bytes_of(outer, low, high), bytes_of(inner, low, high)
  for i = 1, #without do
    bytes[i] = bytes[i] - without[i]
  end
  return low * 8 + find_bit(bytes, left)
end

-- Whether a bit (from 0) is set in the bytes of a row.
function rows.has_bit(bytes, bit)
  local byte = string.byte(bytes, math.floor(bit / 8) + 1)
  return math.floor(byte / 2 ^ (7 - bit % 8)) % 2 == 1
end

-- Calls visit(bit) for every set bit from `from` on, in order, until it returns true. O(pools).
function rows.each(key, from, visit)
  local bytes = redis.call('GET', key) or ''
  for bit = from, #bytes * 8 - 1 do
    if rows.has_bit(bytes, bit) and visit(bit) then
      return
    end
  end
end
