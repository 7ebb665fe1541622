-- Bit blocks: 64 pools of a class, 8 bytes of each of its rows. The bits of a block are determined by the occupancies
-- of its pools; the audit compares the rows with them, and a repair writes them.
--
-- `occupancies` maps the offset of an active pool in its block, 0 to 63, to its sessions; other pools are left out.

bit_blocks = {}

bit_blocks.POOLS = 64
local BYTES = bit_blocks.POOLS / 8

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

-- Calls visit(pool_number, offset) for each pool of a block, in order, until it returns a value; returns that value.
function bit_blocks.each_used(fleet, class_index, block, visit)
  local bytes = bit_blocks.stored(keys.of_class(fleet, 'used', class_index), block)
  for offset = 0, bit_blocks.POOLS - 1 do
    local pool_number = keys.pool_number(fleet, class_index, block * bit_blocks.POOLS + offset)
    local result = rows.has_bit(bytes, offset) and visit(pool_number, offset)
    if result then
      return result
    end
  end
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

-- Calls visit(key, bytes) for the rows of active pools and of each level. O(capacity + pools * distinct occupancies).
function bit_blocks.each_row(fleet, class_index, occupancies, visit)
  local changes, bytes = { [0] = true, [1] = true }, nil
  for _, occupancy in pairs(occupancies) do
    changes[occupancy + 1] = true
  end
  for level = 0, fleet.capacities[class_index] do
    if changes[level] then
      bytes = bit_blocks.bits(occupancies, function(occupancy) return occupancy >= level end)
    end
    visit(keys.of_level(fleet, class_index, level), bytes)
  end
end

-- Calls visit(class_index, block, offset) for each block of pools from the cursor on, until the slice's budget is used
-- up; returns the next cursor, "class_index:block:offset". A visit that stops within its block returns the offset to
-- continue at.
function bit_blocks.each_block(fleet, slice, cursor, visit)
  local first, block, offset = string.match(cursor, '^(%d+):(%d+):(%d+)$')
  block, offset = tonumber(block) or 0, tonumber(offset) or 0
  for class_index = tonumber(first) or 1, #fleet.numbers do
    local blocks = math.ceil(redis.call('STRLEN', keys.of_class(fleet, 'used', class_index)) / BYTES)
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
    return bit_blocks.each_used(fleet, class_index, block, function(pool_number, offset)
      return offset >= from and slice:spend(visit(pool_number)) and offset + 1
    end)
  end)
end
