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

-- A cursor "class position:block:place", from the first class on.
local function parse(cursor)
  local position, block, place = string.match(cursor, '^(%d+):(%d+):(%d+)$')
  return tonumber(position) or 1, tonumber(block) or 0, tonumber(place) or 0
end

-- Calls visit(position, block, place) for each block of pools from the cursor on, until the slice's work is done; where
-- to go on. A visit that stops within the block returns the place. slice:worked(commands) notes work, and says whether
-- it is done.
function columns.each_block(fleet, slice, cursor, visit)
  local first, block, place = parse(cursor)
  for position = first, #fleet.numbers do
    local blocks = columns.blocks(keys.of_class(fleet, 'used', position))
    while block < blocks do
      place = visit(position, block, place)
      block = place and block or block + 1
      if place or slice:worked(16) then
        return string.format('%d:%d:%d', position, block, place or 0)
      end
      place = 0
    end
    block = 0
  end
end

-- Calls visit(number) for each pool from the cursor on, likewise; it returns the commands that it called.
function columns.each_pool(fleet, slice, cursor, visit)
  return columns.each_block(fleet, slice, cursor, function(position, block, from)
    for _, place in ipairs(columns.places(keys.of_class(fleet, 'used', position), block)) do
      if place >= from and slice:worked(visit(keys.pool_number(fleet, position, block * columns.POOLS + place))) then
        return place + 1
      end
    end
  end)
end
