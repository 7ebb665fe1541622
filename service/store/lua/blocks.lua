-- Blocks of a packed state: how many values follow, then the values of declared fields in their order, then what a
-- newer version appended. A vector stands as one number per class.

blocks = {}

-- Takes the fields of the block whose length is values[at]; the place after it. What is not known is kept.
function blocks.take(fleet, values, at, fields, is_vector)
  local last = at + values[at]
  for k = 1, #fields do
    local field = fields[k]
    if is_vector[field] then
      local vector = fleet[field] or {}
      for position = 1, fleet.classes do
        vector[position] = at < last and values[at + position] or 0
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

-- Writes the block of these fields, and what is not known of it, to values[head] and on; the place after it.
function blocks.put(fleet, values, head, fields, is_vector)
  local at = head
  for k = 1, #fields do
    local value = fleet[fields[k]]
    if is_vector[fields[k]] then
      for position = 1, fleet.classes do
        values[at + position] = value[position]
      end
      at = at + fleet.classes
    else
      at = at + 1
      values[at] = value
    end
  end
  if fleet.unknown[fields] then
    for _, value in ipairs(fleet.unknown[fields]) do
      at = at + 1
      values[at] = value
    end
  end
  values[head] = at - head
  return at + 1
end
