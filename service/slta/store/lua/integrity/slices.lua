-- Slices of audits, surveys and repairs. One call runs one slice of a part of `walk` from a cursor, '' at first:
--   run(fleet, slice, cursor) -> the next cursor, nil at the end of the part
-- `slice.budget` is the number of Redis commands left to the call. The other fields of a slice are its own, and the
-- functions of a verb, see `walk`.

slices = {}

-- Subtracts commands from the budget; returns whether it is used up.
local function spend(slice, commands)
  slice.budget = slice.budget - commands
  return slice.budget <= 0
end

-- A slice of `work` commands of a verb, a table of functions, with these fields.
function slices.new(verb, work, fields)
  fields.budget, fields.spend = work, spend
  return setmetatable(fields, { __index = verb })
end

-- Calls visit(name, key) for some keys of the server that belong to the fleet; `name` is without the prefix. A set of
-- which it returns true is visited by visit_set(name, position), from '0' on, which returns the next position, '0' at
-- the end. Returns the next cursor: that of SCAN, the position in the first set, and the names of the sets that are
-- left. O(work).
function slices.each_key(fleet, slice, cursor, visit, visit_set)
  local from, position, names = string.match(cursor, '^(%w+) (%d+) (.*)$')
  local left = vectors.split(names or '')
  if not left[1] then
    local found = redis.call('SCAN', from or '0', 'MATCH', fleet.prefix .. '*', 'COUNT', math.ceil(slice.budget / 3))
    from, position = found[1] == '0' and 'end' or found[1], '0'
    for _, key in ipairs(found[2]) do
      local name = string.sub(key, #fleet.prefix + 1)
      left[#left + 1] = visit(name, key) and name or nil
      slice:spend(3)
    end
  end
  local at = 1
  while left[at] and slice.budget > 0 do
    position = visit_set(left[at], position)
    at = position == '0' and at + 1 or at
  end
  local is_over = from == 'end' and not left[at]
  return not is_over and string.format('%s %s %s', from, position, table.concat(left, ' ', at)) or nil
end

-- Calls visit(field or member, value or score) for some pairs of a hash or a sorted set of the fleet; returns the next
-- cursor. A key of another type has none: `stored_keys` sees to it. O(work).
function slices.each_pair(fleet, name, slice, cursor, visit)
  local key, kind = keys.of_fleet(fleet, name), keys.FLEET[name]
  if redis.call('TYPE', key).ok ~= kind then
    return nil
  end
  local from, count = cursor == '' and '0' or cursor, math.ceil(slice.budget / 6)
  local found = redis.call(kind == 'hash' and 'HSCAN' or 'ZSCAN', key, from, 'COUNT', count)
  for at = 1, #found[2], 2 do
    visit(found[2][at], found[2][at + 1])
  end
  return found[1] ~= '0' and found[1] or nil
end
