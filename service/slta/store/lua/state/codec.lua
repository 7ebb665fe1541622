-- The codec of the blocks of a packed state: the number of values, the values of the declared fields in order, then
-- fields that a newer version appended. A vector is stored as one number per class.

codec = {}

local packers = {} -- by number of classes and of types, and by the list of a policy's fields

-- Unpacks the block whose length is values[head] into the fleet's fields, and returns the index after it. Unknown
-- fields are kept; nil, which only damage has written, is read as 0.
function codec.unpack(fleet, values, head, fields, is_vector)
  local at, last = head, head + values[head]
  for k = 1, #fields do
    local field = fields[k]
    if is_vector[field] then
      local vector = fleet[field] or {}
      for class_index = 1, fleet.classes do
        vector[class_index] = values[at + class_index] or 0
      end
      fleet[field], at = vector, at + fleet.classes
    else
      at = at + 1
      fleet[field] = values[at] or 0
    end
  end
  assert(at <= last, 'a block of the state is too short')
  fleet.unknown[fields] = at < last and { unpack(values, at + 1, last) } or nil
  return last + 1
end

-- Appends a list, nil for none, to the first `at` values, and returns their new number.
function codec.append(values, at, list)
  for offset, value in ipairs(list or {}) do
    values[at + offset] = value
  end
  return at + #(list or {})
end

-- The values of a block as Lua source.
local function source(fields, is_vector, classes)
  local words = {}
  for _, field in ipairs(fields) do
    for class_index = 1, is_vector[field] and classes or 1 do
      words[#words + 1] = 'fleet.' .. field .. (is_vector[field] and '[' .. class_index .. ']' or '')
    end
  end
  return #words .. ', ' .. table.concat(words, ', ')
end

-- Adds the unknown fields of a block to the values of which values[head] is its length.
local function add_unknown(fleet, values, head, fields)
  for _, value in ipairs(fleet.unknown[fields] or {}) do
    values[head] = values[head] + 1
    table.insert(values, head + values[head], value)
  end
end

-- The values of the state up to these two blocks, and their number, by straight code: a loop would take half of a
-- call's steps. The list has room for the block of types: it would be copied to grow.
function codec.pack(fleet, hot, is_hot_vector, fields, is_vector)
  local shape = fleet.classes + fleet.kinds * (constants.MAX_CLASSES + 1)
  local by_fields = packers[shape] or {}
  packers[shape] = by_fields
  by_fields[fields] = by_fields[fields] or loadstring(string.format(
    'local fleet = ... return { fleet.layout, fleet.policy, fleet.classes, %s, %s%s }',
    source(hot, is_hot_vector, fleet.classes), source(fields, is_vector, fleet.classes),
    string.rep(', nil', fleet.kinds > 0 and fleet.kinds + 4 or 0)
  ))
  local values = by_fields[fields](fleet)
  if next(fleet.unknown) then
    add_unknown(fleet, values, 5 + values[4], fields)
    add_unknown(fleet, values, 4, hot)
  end
  local head = 5 + values[4]
  return values, head + values[head]
end
