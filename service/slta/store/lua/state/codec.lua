-- The codec of the blocks of a packed state: the number of values, the values of the declared fields in order, then
-- fields that a newer version appended. A vector is stored as one number per class.

codec = {}

local vector_counts = {} -- by list of fields

-- The number of values that these fields take.
local function length(fields, is_vector, classes)
  local count = vector_counts[fields]
  if not count then
    count = 0
    for k = 1, #fields do
      count = count + (is_vector[fields[k]] and 1 or 0)
    end
    vector_counts[fields] = count
  end
  return #fields + count * (classes - 1)
end

-- Unpacks the block whose length is values[at] into the fleet's fields, and returns the index after it. Unknown fields
-- are kept.
function codec.unpack(fleet, values, at, fields, is_vector)
  local last, count = at + values[at], length(fields, is_vector, fleet.classes)
  assert(values[at] >= count, 'a block of the state is too short')
  if values[at] > count then
    fleet.unknown[fields] = { unpack(values, at + count + 1, last) }
  end
  for k = 1, #fields do
    local field = fields[k]
    if is_vector[field] then
      local vector = fleet[field] or {}
      for class_index = 1, fleet.classes do
        vector[class_index] = values[at + class_index]
      end
      fleet[field] = vector
      at = at + fleet.classes
    else
      at = at + 1
      fleet[field] = values[at]
    end
  end
  return last + 1
end

-- Appends a list, nil for none, to the first `at` values, and returns their new number.
function codec.append(values, at, list)
  if not list then
    return at
  end
  for offset, value in ipairs(list) do
    values[at + offset] = value
  end
  return at + #list
end

-- Packs the block of these fields, and its unknown fields, into values[head] and following, and returns the index after
-- it.
function codec.pack(fleet, values, head, fields, is_vector)
  local at = head
  for k = 1, #fields do
    local value = fleet[fields[k]]
    if is_vector[fields[k]] then
      for class_index = 1, fleet.classes do
        values[at + class_index] = value[class_index]
      end
      at = at + fleet.classes
    else
      at = at + 1
      values[at] = value
    end
  end
  at = codec.append(values, at, fleet.unknown[fields])
  values[head] = at - head
  return at + 1
end
