-- Slices of audits, surveys and repairs. Each of them is a list of parts, { name, run }, in order. One call runs one
-- slice of a part from a cursor, '' at first:
--   run(fleet, slice, cursor) -> the next cursor, nil at the end of the part
-- `slice.budget` is the number of Redis commands left to the call.

slices = {}

-- Subtracts commands from the budget; returns whether it is used up.
local function spend(slice, commands)
  slice.budget = slice.budget - commands
  return slice.budget <= 0
end

-- Completes a table to a slice of `work` commands.
function slices.new(slice, work)
  slice.budget, slice.spend = work, spend
  return slice
end

-- The function and the name of a part, by default the first, and the name of the next one, '' after the last.
function slices.find_part(parts, name)
  local at = 1
  for index, part in ipairs(parts) do
    at = part[1] == name and index or at
  end
  return parts[at][2], parts[at][1], parts[at + 1] and parts[at + 1][1] or ''
end

-- Calls visit(key, its name without the prefix) for some keys of the server, if they belong to the fleet; returns the
-- next cursor. O(work).
function slices.each_key(fleet, slice, cursor, visit)
  local from, count = cursor == '' and '0' or cursor, math.ceil(slice.budget / 3)
  local found = redis.call('SCAN', from, 'MATCH', fleet.prefix .. '*', 'COUNT', count)
  for _, key in ipairs(found[2]) do
    visit(key, string.sub(key, #fleet.prefix + 1))
  end
  return found[1] ~= '0' and found[1] or nil
end

-- Calls visit(field, value) for the pairs of a reply of HSCAN or ZSCAN; returns the next cursor.
local function each_pair(found, visit)
  for at = 1, #found[2], 2 do
    visit(found[2][at], found[2][at + 1])
  end
  return found[1] ~= '0' and found[1] or nil
end

-- Calls visit(field, value) for some fields of a hash of the fleet; returns the next cursor. O(work).
function slices.each_field(fleet, name, slice, cursor, visit)
  local from, count = cursor == '' and '0' or cursor, math.ceil(slice.budget / 6)
  return each_pair(redis.call('HSCAN', keys.of_fleet(fleet, name), from, 'COUNT', count), visit)
end

-- Calls visit(member, score) for some members of a sorted set of the fleet; returns the next cursor. O(work).
function slices.each_member(fleet, name, slice, cursor, visit)
  if redis.call('ZCARD', keys.of_fleet(fleet, name)) == 0 then
    return nil
  end
  local from, count = cursor == '' and '0' or cursor, math.ceil(slice.budget / 6)
  return each_pair(redis.call('ZSCAN', keys.of_fleet(fleet, name), from, 'COUNT', count), visit)
end
