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

-- The class_index and the number of the nth entry of `order` or `bound`.
function tables.entry(fleet, name, nth)
  local known = fleet[name]
  local class_index = known.classes[nth]
  if not class_index then
    class_index, known.numbers[nth] = tables.parse(name, tables.read(name, keys.of_fleet(fleet, name), nth), 1)
    known.classes[nth] = class_index
  end
  return class_index, known.numbers[nth]
end

-- The number of a level of a class in `ranks` or `marginals`.
function tables.number(fleet, name, class_index, level)
  local known, cache_key = fleet[name], class_index * constants.MAX_LEVELS + level
  local number = known[cache_key]
  if not number then
    number = tonumber(tables.read(name, keys.of_class(fleet, name, class_index), level))
    known[cache_key] = number
  end
  return number
end

-- Calls visit(class_index, text) for each entry of the text of an order or a bound whose class has pools. O(entries).
function tables.each_live(fleet, name, text, visit)
  for nth = 1, #text / constants.BYTES[name] do
    local class_index = tables.parse(name, text, nth)
    if (fleet.pools[class_index] or 0) > 0 then
      visit(class_index, string.sub(text, (nth - 1) * constants.BYTES[name] + 1, nth * constants.BYTES[name]))
    end
  end
end
