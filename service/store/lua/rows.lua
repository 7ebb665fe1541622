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

-- Where in `bytes` the set bit number `index` (from 0) is, as a bit offset; nil when there are fewer.
local function find_in(bytes, index)
  for position = 1, #bytes do
    local byte = string.byte(bytes, position)
    while byte > 0 do
      local highest = 0
      local mask = 128
      while byte < mask do
        mask = mask / 2
        highest = highest + 1
      end
      if index == 0 then
        return (position - 1) * 8 + highest
      end
      index = index - 1
      byte = byte - mask
    end
  end
  return nil
end

-- The bit of the set bit number `index` (from 0) of a row: rank-select by halving. O(log pools) calls.
function rows.select(key, index)
  local low, high = 0, redis.call('STRLEN', key)
  while high - low > rows.SPAN do
    local middle = math.floor((low + high) / 2)
    local count = redis.call('BITCOUNT', key, low, middle - 1)
    if index < count then
      high = middle
    else
      index = index - count
      low = middle
    end
  end
  return low * 8 + find_in(redis.call('GETRANGE', key, low, high - 1), index)
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
