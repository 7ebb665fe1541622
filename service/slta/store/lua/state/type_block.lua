-- The block of the packed state with the counts and integrals of session types: the number of types, then packed texts:
-- one of the classes, with the sessions `held` on active pools; one of the fields of `intervals`; and one of each type,
-- with its numbers of BY_TYPE and its row of `type_held`. A call packs only those texts that it changes: `type_texts`
-- has each by kind, 0 for the classes, INTERVALS, nil if it has to be packed. That of INTERVALS, which few calls use,
-- is unpacked by `open`.
--
-- type_sessions: on active pools; type_sum: their integral over the open interval up to type_since; type_others: on
-- other pools; type_held: on active pools by type and class, type t in class c at (t - 1) * classes + c.

type_block = {}

local BY_TYPE = { 'type_sessions', 'type_others', 'type_assigned', 'type_since', 'type_sum' }
local NUMBERS = {
  'compatibility_high', 'compatibility_low', 'interval_since', 'interval_optimum_high', 'interval_optimum_low',
}
local TOTALS = { 'type_high', 'type_low' } -- by type, up to the open interval
local CLASSES, INTERVALS = 0, -1

local words = {} -- of the text that is being packed

-- Calls visit(field, length, width) for each field: no length for a number; `width` numbers per type, nil if it is not
-- by type.
function type_block.each_field(kinds, classes, visit)
  for _, group in ipairs({
    { NUMBERS }, { TOTALS, kinds, 1 }, { BY_TYPE, kinds, 1 }, { { 'interval_pools', 'held' }, classes },
    { { 'type_held' }, kinds * classes, classes },
  }) do
    for _, field in ipairs(group[1]) do
      visit(field, group[2], group[3])
    end
  end
end

-- The fields of a kind change, or those by class without one.
function type_block.touch(fleet, kind)
  fleet.type_texts[kind or CLASSES] = nil
end

-- Unpacks the fields of `intervals`, which the call may change.
function type_block.open(fleet)
  local text = fleet.type_texts[INTERVALS]
  if text then
    local found, kinds = { cmsgpack.unpack(text) }, fleet.kinds
    local by_class = #NUMBERS + 2 * kinds
    for nth, field in ipairs(NUMBERS) do
      fleet[field] = found[nth]
    end
    fleet.type_high = { unpack(found, #NUMBERS + 1, #NUMBERS + kinds) }
    fleet.type_low = { unpack(found, #NUMBERS + kinds + 1, by_class) }
    fleet.interval_pools = { unpack(found, by_class + 1, by_class + fleet.classes) }
    fleet.waiting = { unpack(found, by_class + fleet.classes + 1) }
    fleet.type_texts[INTERVALS] = nil
  end
end

-- All fields change.
function type_block.touch_all(fleet)
  type_block.open(fleet)
  fleet.type_texts = {}
end

local function pack_intervals(fleet)
  local found = {}
  for nth, field in ipairs(NUMBERS) do
    found[nth] = fleet[field]
  end
  for _, field in ipairs({ 'type_high', 'type_low', 'interval_pools', 'waiting' }) do
    codec.append(found, #found, fleet[field])
  end
  return cmsgpack.pack(unpack(found))
end

local function pack_type(fleet, kind)
  local classes, length, row = fleet.classes, #BY_TYPE, (kind - 1) * fleet.classes
  for nth = 1, length do
    words[nth] = fleet[BY_TYPE[nth]][kind]
  end
  for class_index = 1, classes do
    words[length + class_index] = fleet.type_held[row + class_index]
  end
  return cmsgpack.pack(unpack(words, 1, length + classes))
end

-- Reads the block that begins at values[at] with its length; returns the index after it. An empty one is of a fleet
-- without types.
function type_block.unpack(fleet, values, at)
  local length = values[at] or 0
  fleet.kinds = length > 0 and values[at + 1] or 0
  if fleet.kinds > 0 then
    local first = at + 3
    local last = first + fleet.kinds
    assert(last <= at + length and type(values[last]) == 'string', 'the block of session types is unreadable')
    fleet.unknown.types = last < at + length and { unpack(values, last + 1, at + length) } or nil
    for _, field in ipairs(BY_TYPE) do
      fleet[field] = {}
    end
    fleet.type_held = {}
    fleet.type_texts = { unpack(values, first + 1, last) }
    fleet.type_texts[CLASSES], fleet.type_texts[INTERVALS] = values[first - 1], values[first]
    fleet.held = { cmsgpack.unpack(values[first - 1]) }
    for kind = 1, fleet.kinds do
      local found = { cmsgpack.unpack(values[first + kind]) }
      for nth, field in ipairs(BY_TYPE) do
        fleet[field][kind] = found[nth]
      end
      for class_index = 1, fleet.classes do
        fleet.type_held[(kind - 1) * fleet.classes + class_index] = found[#BY_TYPE + class_index]
      end
    end
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
  texts[CLASSES] = texts[CLASSES] or cmsgpack.pack(unpack(fleet.held))
  texts[INTERVALS] = texts[INTERVALS] or pack_intervals(fleet)
  at = head + 3
  values[head + 1], values[head + 2], values[at] = kinds, texts[CLASSES], texts[INTERVALS]
  for kind = 1, kinds do
    texts[kind] = texts[kind] or pack_type(fleet, kind)
    values[at + kind] = texts[kind]
  end
  at = codec.append(values, at + kinds, fleet.unknown.types)
  values[head] = at - head
  return at
end
