-- Bit blocks: 64 pools of a class, 8 bytes of each of its rows. The bits of a block are determined by the occupancies
-- of its pools; the audit compares the rows with them, and a repair writes them.
--
-- `occupancies` maps the offset of an active pool in its block, 0 to 63, to its sessions; other pools are left out.

bit_blocks = {}

bit_blocks.POOLS = 64
local BYTES = bit_blocks.POOLS / 8

-- The number of blocks of a row.
function bit_blocks.blocks(key)
  return math.ceil(redis.call('STRLEN', key) / BYTES)
end

-- The stored bytes of a block of a row.
function bit_blocks.stored(key, block)
  local from = block * BYTES
  local text = redis.call('GETRANGE', key, from, from + BYTES - 1)
  return text .. string.rep('\0', BYTES - #text)
end

-- Writes the bytes of a block of a row; a block of zeros is not written.
function bit_blocks.write(key, block, bits)
  if bits ~= string.rep('\0', BYTES) then
    redis.call('SETRANGE', key, block * BYTES, bits)
  end
end

-- The offsets in a block at which a row has a bit, in order.
function bit_blocks.offsets(key, block)
  local offsets, text = {}, bit_blocks.stored(key, block)
  for offset = 0, bit_blocks.POOLS - 1 do
    local byte = string.byte(text, math.floor(offset / 8) + 1)
    if math.floor(byte / 2 ^ (7 - offset % 8)) % 2 == 1 then
      offsets[#offsets + 1] = offset
    end
  end
  return offsets
end

-- The bytes of a block of a row with a bit for each pool for which holds(occupancy) is true.
function bit_blocks.bits(occupancies, holds)
  local bytes = vectors.zeros(BYTES)
  for offset, occupancy in pairs(occupancies) do
    if holds(occupancy) then
      local at = math.floor(offset / 8) + 1
      bytes[at] = bytes[at] + 2 ^ (7 - offset % 8)
    end
  end
  return string.char(unpack(bytes))
end

-- Calls visit(level, bytes) for each level up to `capacity`. O(capacity + pools * distinct occupancies).
function bit_blocks.levels(occupancies, capacity, visit)
  local changes, text = { [1] = true }, nil
  for _, occupancy in pairs(occupancies) do
    changes[occupancy + 1] = true
  end
  for level = 1, capacity do
    if changes[level] then
      text = bit_blocks.bits(occupancies, function(occupancy) return occupancy >= level end)
    end
    visit(level, text)
  end
end

-- Parses a cursor "class_index:block:offset"; '' is the start.
local function parse(cursor)
  local class_index, block, offset = string.match(cursor, '^(%d+):(%d+):(%d+)$')
  return tonumber(class_index) or 1, tonumber(block) or 0, tonumber(offset) or 0
end

-- Calls visit(class_index, block, offset) for each block of pools from the cursor on, until the slice's budget is used
-- up; returns the next cursor. A visit that stops within its block returns the offset to continue at.
-- slice:spend(commands) returns whether the budget is used up.
function bit_blocks.each_block(fleet, slice, cursor, visit)
  local first, block, offset = parse(cursor)
  for class_index = first, #fleet.numbers do
    local blocks = bit_blocks.blocks(keys.of_class(fleet, 'used', class_index))
    while block < blocks do
      offset = visit(class_index, block, offset)
      block = offset and block or block + 1
      if offset or slice:spend(16) then
        return string.format('%d:%d:%d', class_index, block, offset or 0)
      end
      offset = 0
    end
    block = 0
  end
end

-- The same for each pool with visit(pool_number), which returns the number of commands that it called.
function bit_blocks.each_pool(fleet, slice, cursor, visit)
  return bit_blocks.each_block(fleet, slice, cursor, function(class_index, block, from)
    for _, offset in ipairs(bit_blocks.offsets(keys.of_class(fleet, 'used', class_index), block)) do
      local pool_number = keys.pool_number(fleet, class_index, block * bit_blocks.POOLS + offset)
      if offset >= from and slice:spend(visit(pool_number)) then
        return offset + 1
      end
    end
  end)
end
