-- The codec of the blocks of a packed state: the number of values, the values of the declared fields in order, then
-- fields that a newer version appended. A vector is stored as one number per class.

codec = {}

-- Unpacks the block whose length is values[at] into the fleet's fields, and returns the index after it. Unknown fields
-- are kept.
function codec.unpack(fleet, values, at, fields, is_vector)
  local last = at + values[at]
  for k = 1, #fields do
    local field = fields[k]
    if is_vector[field] then
      local vector = fleet[field] or {}
      for class_index = 1, fleet.classes do
        vector[class_index] = at < last and values[at + class_index] or 0
      end
      fleet[field] = vector
      at = at + fleet.classes
    else
      fleet[field] = at < last and values[at + 1] or 0
      at = at + 1
    end
  end
  if at < last then
    fleet.unknown[fields] = { unpack(values, at + 1, last) }
  end
  return last + 1
end

-- Appends a list, nil for none, to the first `at` values, and returns their new number.
function codec.append(values, at, list)
  for offset, value in ipairs(list or {}) do
    values[at + offset] = value
  end
  return at + (list and #list or 0)
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
