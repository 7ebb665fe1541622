-- Blocks of 64 pools of a class: 8 bytes of each of its rows. What the bits of a block must be follows from the
-- occupancies of its pools; the audit compares the rows with that, and a repair writes them.
--
-- `occupancies` maps a pool's place in its block, 0 to 63, to the sessions on it; pools that are not active, and places
-- without a pool, are left out.

columns = {}

columns.POOLS = 64
local BYTES = columns.POOLS / 8

-- How many blocks a row has.
function columns.blocks(key)
  return math.ceil(redis.call('STRLEN', key) / BYTES)
end

-- The bytes of a block of a row as they are stored.
function columns.stored(key, block)
  local from = block * BYTES
  local text = redis.call('GETRANGE', key, from, from + BYTES - 1)
  return text .. string.rep('\0', BYTES - #text)
end

-- Writes the bytes of a block of a row; a block without bits is left out.
function columns.write(key, block, bits)
  if bits ~= string.rep('\0', BYTES) then
    redis.call('SETRANGE', key, block * BYTES, bits)
  end
end

-- The places in a block at which a row has a bit, in order.
function columns.places(key, block)
  local places, text = {}, columns.stored(key, block)
  for place = 0, columns.POOLS - 1 do
    local byte = string.byte(text, math.floor(place / 8) + 1)
    if math.floor(byte / 2 ^ (7 - place % 8)) % 2 == 1 then
      places[#places + 1] = place
    end
  end
  return places
end

-- The bytes of a row that has a bit for each pool whose occupancy is one for which holds(occupancy).
function columns.bits(occupancies, holds)
  local bytes = vectors.zeros(BYTES)
  for place, occupancy in pairs(occupancies) do
    if holds(occupancy) then
      local at = math.floor(place / 8) + 1
      bytes[at] = bytes[at] + 2 ^ (7 - place % 8)
    end
  end
  return string.char(unpack(bytes))
end

-- Calls visit(level, bytes) for each level up to `capacity`. O(capacity + pools * distinct occupancies).
function columns.levels(occupancies, capacity, visit)
  local changes, text = { [1] = true }, nil
  for _, occupancy in pairs(occupancies) do
    changes[occupancy + 1] = true
  end
  for level = 1, capacity do
    if changes[level] then
      text = columns.bits(occupancies, function(occupancy) return occupancy >= level end)
    end
    visit(level, text)
  end
end
