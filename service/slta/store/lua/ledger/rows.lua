-- Bit rows: one bit per pool of a class, at its pool_index. A missing key is a row of zeros. A batch holds the short
-- rows that it uses, and writes each once.

rows = {}

-- Up to this many bytes a row is read as a whole, which is faster than bisection.
rows.SPAN = 48

local held -- by key the bytes of a row, false of a long one; nil outside of batches

-- Holds rows in this table until `rows.write`; nil to hold none.
function rows.hold(list)
  held = list
end

-- Writes a row of a list of held ones, nil for no list, if it is in it and has changed.
local function write(list, key)
  local bytes = list and list[key]
  if bytes and bytes.changed then
    bytes.changed = false
    redis.call('SET', key, string.char(unpack(bytes)))
  end
end

-- Writes the rows that are held, and holds none any more.
function rows.write()
  local list = held or {}
  held = nil
  for key in pairs(list) do
    write(list, key)
  end
end

-- Calls a command on rows, which may write them: those among its words are written first, and held no more.
function rows.call(command, ...)
  for _, key in ipairs(held and { ... } or {}) do
    write(held, key)
    held[key] = nil
  end
  return redis.call(command, ...)
end

local function bytes_of(key, low, high)
  return { string.byte(redis.call('GETRANGE', key, low, high - 1), 1, -1) }
end

-- The bytes of a row, which a batch holds; false for a long one.
local function hold(key)
  if held[key] == nil then
    local bytes = bytes_of(key, 0, rows.SPAN + 1)
    held[key] = #bytes <= rows.SPAN and bytes
  end
  return held[key]
end

-- Sets a bit to 0 or 1; returns what it was. Departures are spread over many rows, so a 0 does not hold one.
function rows.set(key, bit, present)
  local bytes = held and (held[key] or present == 1 and hold(key))
  if not bytes or bit >= 8 * rows.SPAN then
    return bytes and rows.call('SETBIT', key, bit, present) or redis.call('SETBIT', key, bit, present)
  end
  local offset = bit % 8
  local at, mask = (bit - offset) / 8 + 1, 2 ^ (7 - offset)
  for missing = #bytes + 1, at do
    bytes[missing] = 0
  end
  local before = bytes[at] % (2 * mask) >= mask and 1 or 0
  bytes[at], bytes.changed = bytes[at] + (present - before) * mask, true
  return before
end

-- The number of set bits of a row.
function rows.count(key)
  write(held, key)
  return redis.call('BITCOUNT', key)
end

-- Writes the row of a class's active pools with fewer than `level` sessions, and returns their number. BITOP NOT would
-- lose the pools beyond the end of a short row. O(pools / 8).
function rows.write_below(destination, fleet, class_index, level)
  local active, reached = keys.of_class(fleet, 'active', class_index), keys.of_level(fleet, class_index, level)
  rows.call('BITOP', 'AND', destination, active, reached)
  rows.call('BITOP', 'XOR', destination, active, destination)
  return rows.count(destination)
end

local set_bits = {} -- the offsets of the set bits by byte value; bit 0 is the highest; filled on first use

local function list_set_bits(byte)
  local found = {}
  for offset = 0, 7 do
    found[#found + 1] = math.floor(byte / 2 ^ (7 - offset)) % 2 == 1 and offset or nil
  end
  set_bits[byte] = found
  return found
end

-- The bit offset of the nth set bit (from 0) of a list of bytes.
local function find_bit(bytes, nth)
  for i = 1, #bytes do
    local found = set_bits[bytes[i]] or list_set_bits(bytes[i])
    local count = #found
    if nth < count then
      return i * 8 - 8 + found[nth + 1]
    end
    nth = nth - count
  end
end

-- The offset of the nth set bit (from 0) of the row `outer` without the bits of `inner`, a subset of it, nil for none:
-- counts and bytes are subtracted. Bisects the row until at most SPAN bytes contain the bit. O(log pools) calls.
function rows.select_between(outer, inner, nth)
  write(held, outer)
  write(held, inner)
  local low, high = 0, redis.call('STRLEN', outer)
  while high - low > rows.SPAN do
    local middle = math.floor((low + high) / 2)
    local without = inner and redis.call('BITCOUNT', inner, low, middle - 1) or 0
    local below = redis.call('BITCOUNT', outer, low, middle - 1) - without
    if nth < below then
      high = middle
    else
      nth = nth - below
      low = middle
    end
  end
  local bytes, without = bytes_of(outer, low, high), inner and bytes_of(inner, low, high) or {}
  for i = 1, #without do
    bytes[i] = bytes[i] - without[i]
  end
  return low * 8 + find_bit(bytes, nth)
end

-- The offset of the nth set bit (from 0) of a row. One call for a short row.
function rows.select(key, nth)
  local bytes = not held and bytes_of(key, 0, rows.SPAN + 1) or held and hold(key)
  return bytes and #bytes <= rows.SPAN and find_bit(bytes, nth) or rows.select_between(key, nil, nth)
end

-- Whether a bit (from 0) is set in the bytes of a row.
function rows.has_bit(bytes, bit)
  local byte = string.byte(bytes, math.floor(bit / 8) + 1)
  return math.floor(byte / 2 ^ (7 - bit % 8)) % 2 == 1
end

-- Calls visit(bit) for every set bit from `from` on, in order, until it returns true. O(set bits + pools / 8).
function rows.each(key, from, visit)
  local bit = redis.call('BITPOS', key, 1, from, -1, 'BIT')
  while bit >= 0 and not visit(bit) do
    bit = redis.call('BITPOS', key, 1, bit + 1, -1, 'BIT')
  end
end
