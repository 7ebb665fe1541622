-- Bit rows: one bit per pool of a class, by the pool's bit in its class. A missing key is a row of zeros.

rows = {}

-- Below this many bytes one GETRANGE beats further halving.
rows.SPAN = 48

function rows.count(key)
  return redis.call('BITCOUNT', key)
end

-- destination = active AND NOT reached, written so that rows of any length are right (BITOP NOT would lose the
-- pools beyond the end of a short row). O(pools / 8).
function rows.minus(destination, active, reached)
  redis.call('BITOP', 'AND', destination, active, reached)
  redis.call('BITOP', 'XOR', destination, active, destination)
end

function rows.copy(destination, source)
  redis.call('BITOP', 'OR', destination, source)
end

local set_bits -- how many bits are set in each byte; a table is filled while a function runs, not at the top level

local function list_set_bits()
  set_bits = { [0] = 0 }
  for byte = 1, 255 do
    set_bits[byte] = set_bits[math.floor(byte / 2)] + byte % 2
  end
end

-- Where the set bit number `index` (from 0) of a byte is; bit 0 is the highest.
local function find_in_byte(byte, index)
  local mask = 128
  for offset = 0, 7 do
    if byte >= mask then
      if index == 0 then
        return offset
      end
      index = index - 1
      byte = byte - mask
    end
    mask = mask / 2
  end
end

-- Where the set bit number `index` (from 0) of a list of bytes is, as a bit offset.
local function find_bit(bytes, index)
  if not set_bits then
    list_set_bits()
  end
  for position = 1, #bytes do
    local count = set_bits[bytes[position]]
    if index < count then
      return (position - 1) * 8 + find_in_byte(bytes[position], index)
    end
    index = index - count
  end
end

-- Halves `high` bytes until the set bit number `index` is within SPAN of them; `count(from, to)` counts set bits.
-- The first byte, the byte after the last one, and the bit's number among theirs.
local function narrow(count, high, index)
  local low = 0
  while high - low > rows.SPAN do
    local middle = math.floor((low + high) / 2)
    local below = count(low, middle - 1)
    if index < below then
      high = middle
    else
      index = index - below
      low = middle
    end
  end
  return low, high, index
end

local function bytes_of(key, low, high)
  return { string.byte(redis.call('GETRANGE', key, low, high - 1), 1, -1) }
end

-- The bit of the set bit number `index` (from 0) of a row: rank-select by halving. O(log pools) calls, one where the
-- row is short.
function rows.select(key, index)
  local low, bytes = 0, bytes_of(key, 0, rows.SPAN + 1)
  if #bytes > rows.SPAN then
    local high
    low, high, index = narrow(function(from, to)
      return redis.call('BITCOUNT', key, from, to)
    end, redis.call('STRLEN', key), index)
    bytes = bytes_of(key, low, high)
  end
  return low * 8 + find_bit(bytes, index)
end

-- The same in the row `outer` without the bits of `inner`, which are all in `outer` too: counts and bytes subtract.
-- Nothing is written. O(log pools) calls.
function rows.select_between(outer, inner, index)
  local low, high, left = narrow(function(from, to)
    return redis.call('BITCOUNT', outer, from, to) - redis.call('BITCOUNT', inner, from, to)
  end, redis.call('STRLEN', outer), index)
  local bytes, without = bytes_of(outer, low, high), bytes_of(inner, low, high)
  for position = 1, #without do
    bytes[position] = bytes[position] - without[position]
  end
  return low * 8 + find_bit(bytes, left)
end

-- Calls visit(bit) for every set bit from bit `from` on, in order, until it returns true. O(pools).
function rows.each(key, from, visit)
  local bytes = redis.call('GET', key) or ''
  for bit = from, #bytes * 8 - 1 do
    local byte = string.byte(bytes, math.floor(bit / 8) + 1)
    if math.floor(byte / 2 ^ (7 - bit % 8)) % 2 == 1 and visit(bit) then
      return
    end
  end
end
