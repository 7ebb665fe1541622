-- Compiled tables: texts of fixed-width entries, read with GETRANGE and cached by entry in `fleet[name]`. `order` and
-- `bound` are keys of the fleet; an entry is a class_index and a number. `ranks` and `marginals` are keys of a class;
-- an entry is a number.

tables = {}

-- The class_index and the number of the nth entry (from 1) of the text of an order or a bound.
function tables.parse(name, text, nth)
  local last = nth * constants.BYTES[name]
  local first = last - constants.BYTES[name] + 1
  local number_at = first + constants.CLASS_BYTES
  return tonumber(string.sub(text, first, number_at - 1)), tonumber(string.sub(text, number_at, last))
end

-- The text of the nth entry of a table. O(1).
function tables.read(name, key, nth)
  local bytes = constants.BYTES[name]
  return redis.call('GETRANGE', key, (nth - 1) * bytes, nth * bytes - 1)
end

-- The class_index and the number of the nth entry of `order` or `bound`: the coordinate, or the marginal utility, at
-- this rank of the live order.
function tables.entry(fleet, name, nth)
  local cached = fleet[name]
  local class_index = cached.classes[nth]
  if not class_index then
    class_index, cached.numbers[nth] = tables.parse(name, tables.read(name, keys.of_fleet(fleet, name), nth), 1)
    cached.classes[nth] = class_index
  end
  return class_index, cached.numbers[nth]
end

-- The number of a level of a class: in `ranks` its rank in the live order, if the class has active pools; in
-- `marginals` its integer marginal utility.
function tables.number(fleet, name, class_index, level)
  local cached, cache_key = fleet[name], class_index * constants.MAX_LEVELS + level
  local number = cached[cache_key]
  if not number then
    number = tonumber(tables.read(name, keys.of_class(fleet, name, class_index), level))
    cached[cache_key] = number
  end
  return number
end

-- The text of a key of the fleet, '' without one.
function tables.text(fleet, name)
  return redis.call('GET', keys.of_fleet(fleet, name)) or ''
end

-- A function that returns what `tables.entry` does from the stored text, read with one command.
function tables.reader(fleet, name)
  local text = tables.text(fleet, name)
  return function(nth) return tables.parse(name, text, nth) end
end

-- The class indexes of those that have pools, by their texts in a table.
local function classes_with_pools(fleet)
  local found = {}
  for class_index = 1, #fleet.numbers do
    if fleet.pools[class_index] > 0 then
      found[string.format('%' .. constants.CLASS_BYTES .. 'd', class_index)] = class_index
    end
  end
  return found
end

-- The live `order` or `bound` from the full one: those entries whose class has pools, and the class_index of each.
-- O(entries).
function tables.live(fleet, name)
  local full, alive = tables.text(fleet, name .. ':full'), classes_with_pools(fleet)
  local bytes, class_bytes = constants.BYTES[name], constants.CLASS_BYTES
  local texts, classes, count, begun = {}, {}, 0, nil
  for at = 1, #full, bytes do
    local class_index = alive[string.sub(full, at, at + class_bytes - 1)]
    if class_index then
      begun, count = begun or at, count + 1
      classes[count] = class_index
    elseif begun then
      texts[#texts + 1] = string.sub(full, begun, at - 1)
      begun = nil
    end
  end
  texts[#texts + 1] = begun and string.sub(full, begun) or nil
  return table.concat(texts), classes
end

-- The highest number from 0 to `high` for which holds(number), if it holds up to some number; 0 if for none. O(log
-- high) calls.
function tables.highest(high, holds)
  local low = 0
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if holds(middle) then
      low = middle
    else
      high = middle - 1
    end
  end
  return low
end
