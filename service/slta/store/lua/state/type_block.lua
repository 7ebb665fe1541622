-- The block of the packed state with the counts of session types and their assignment: the number of types, NUMBERS,
-- then packed texts: one of the classes, with BY_CLASS by class, and one of each type, with its numbers of BY_TYPE and
-- its row of `type_flow`. A call packs only those texts that it changes: `type_texts` has each by kind, 0 for the
-- classes, nil if it has to be packed.
--
-- type_sessions: on active pools, whose integral is settled when it changes, last at type_since; type_others: on other
-- pools; held: by class, on active pools. The rest is of `assignment`.

type_block = {}

local NUMBERS = { 'type_optimum', 'type_optimum_high', 'type_optimum_low' }
local BY_TYPE = { 'type_sessions', 'type_others', 'type_assigned', 'type_since', 'type_high', 'type_low' }
local BY_CLASS = { 'held', 'type_filled' }
local CLASSES = 0

local words = {} -- of the text that is being packed

-- Calls visit(field, length) for each field, nil for a number.
function type_block.each_field(kinds, classes, visit)
  for _, group in ipairs({ { NUMBERS }, { BY_TYPE, kinds }, { BY_CLASS, classes } }) do
    for _, field in ipairs(group[1]) do
      visit(field, group[2])
    end
  end
  visit('type_flow', kinds * classes)
end

-- Whether a field has one number per type.
function type_block.is_by_type(field)
  return vectors.has(BY_TYPE, field)
end

-- The fields of a kind change, or those by class without one.
function type_block.touch(fleet, kind)
  fleet.type_texts[kind or CLASSES] = nil
end

-- All fields change.
function type_block.touch_all(fleet)
  fleet.type_texts = {}
end

local function pack_classes(fleet)
  local classes, length = fleet.classes, 0
  for nth = 1, #BY_CLASS do
    local vector = fleet[BY_CLASS[nth]]
    for class_index = 1, classes do
      words[length + class_index] = vector[class_index]
    end
    length = length + classes
  end
  return cmsgpack.pack(unpack(words, 1, length))
end

local function pack_type(fleet, kind)
  local length, flow, row = #BY_TYPE, fleet.type_flow, (kind - 1) * fleet.classes
  for nth = 1, length do
    words[nth] = fleet[BY_TYPE[nth]][kind]
  end
  for class_index = 1, fleet.classes do
    words[length + class_index] = flow[row + class_index]
  end
  return cmsgpack.pack(unpack(words, 1, length + fleet.classes))
end

local function unpack_classes(fleet, text)
  local found = { cmsgpack.unpack(text) }
  for nth, field in ipairs(BY_CLASS) do
    fleet[field] = { unpack(found, (nth - 1) * fleet.classes + 1, nth * fleet.classes) }
  end
end

local function unpack_type(fleet, kind, text)
  local found = { cmsgpack.unpack(text) }
  for nth, field in ipairs(BY_TYPE) do
    fleet[field][kind] = found[nth]
  end
  for class_index = 1, fleet.classes do
    fleet.type_flow[(kind - 1) * fleet.classes + class_index] = found[#BY_TYPE + class_index]
  end
end

-- Reads the block that begins at values[at] with its length; returns the index after it. An empty one is of a fleet
-- without types.
function type_block.unpack(fleet, values, at)
  local length = values[at] or 0
  fleet.kinds = length > 0 and values[at + 1] or 0
  if fleet.kinds > 0 then
    local first = at + 1 + #NUMBERS + 1
    local last = first + fleet.kinds
    assert(last <= at + length and type(values[last]) == 'string', 'the block of session types is unreadable')
    fleet.unknown.types = last < at + length and { unpack(values, last + 1, at + length) } or nil
    for nth, field in ipairs(NUMBERS) do
      fleet[field] = values[at + 1 + nth]
    end
    for _, field in ipairs(BY_TYPE) do
      fleet[field] = {}
    end
    fleet.type_flow, fleet.type_texts = {}, { unpack(values, first + 1, first + fleet.kinds) }
    fleet.type_texts[CLASSES] = values[first]
    unpack_classes(fleet, values[first])
    for kind = 1, fleet.kinds do
      unpack_type(fleet, kind, values[first + kind])
    end
    assignment.forget(fleet)
  end
  return at + length + 1
end

-- Writes the block behind the first `at` values; returns their new number.
function type_block.pack(fleet, values, at)
  local kinds, texts = fleet.kinds, fleet.type_texts
  if kinds == 0 then
    return fleet.unknown.blocks and codec.append(values, at, { 0 }) or at
  end
  local head = at + 1
  values[head + 1] = kinds
  at = head + 1
  for nth = 1, #NUMBERS do
    values[at + nth] = fleet[NUMBERS[nth]]
  end
  at = at + #NUMBERS + 1
  texts[CLASSES] = texts[CLASSES] or pack_classes(fleet)
  values[at] = texts[CLASSES]
  for kind = 1, kinds do
    texts[kind] = texts[kind] or pack_type(fleet, kind)
    values[at + kind] = texts[kind]
  end
  at = codec.append(values, at + kinds, fleet.unknown.types)
  values[head] = at - head
  return at
end
