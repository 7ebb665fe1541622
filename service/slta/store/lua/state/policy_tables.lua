-- The tables of the policies by name, see `policies`, and what they declare: fields of the state, tokens, and rows.

policy_tables = {}
policy_tables.BY_NAME = {} -- @POLICIES@

local packed_fields = {} -- by policy; filled on first use
local by_letter -- the tokens of all policies; filled on first use

-- The fields of a policy's block of the state, in order, and which of them are vectors.
function policy_tables.fields(policy)
  local packed = packed_fields[policy]
  if not packed then
    packed = { list = {}, vectors = {} }
    packed_fields[policy] = packed
    local function add(names, prefix, is_vector)
      for _, name in ipairs(names) do
        packed.list[#packed.list + 1] = prefix .. name
        packed.vectors[prefix .. name] = is_vector
      end
    end
    add(policy.NUMBERS, '')
    add(policy.VECTORS, '', true)
    add(policy.TOKENS, 'assigned_', true)
  end
  return packed.list, packed.vectors
end

-- The tokens of all policies, by their first letters; two policies may share one.
function policy_tables.tokens()
  if not by_letter then
    by_letter = {}
    for _, policy in pairs(policy_tables.BY_NAME) do
      for _, token in ipairs(policy.TOKENS) do
        by_letter[string.sub(token, 1, 1)] = token
      end
    end
  end
  return by_letter
end

-- Whether the fleet's policy has a row of this name: per class, or without `class_index` of the fleet.
function policy_tables.owns_row(fleet, name, class_index)
  return vectors.index(class_index and fleet.policy_table.CLASS_ROWS or fleet.policy_table.FLEET_ROWS, name)
end

-- Resets the rows and fields of the fleet's policy. O(classes).
function policy_tables.clear(fleet)
  policy_tables.clear_rows(fleet)
  for _, field in ipairs(fleet.policy_table.NUMBERS) do
    fleet[field] = 0
  end
end

-- The keys of the rows of the fleet's policy.
function policy_tables.row_keys(fleet)
  local found = {}
  for _, name in ipairs(fleet.policy_table.FLEET_ROWS) do
    found[#found + 1] = keys.of_fleet(fleet, name)
  end
  for _, name in ipairs(fleet.policy_table.CLASS_ROWS) do
    for class_index = 1, fleet.classes do
      found[#found + 1] = keys.of_class(fleet, name, class_index)
    end
  end
  return found
end

-- Resets the rows and vectors of the fleet's policy. O(classes).
function policy_tables.clear_rows(fleet)
  for _, key in ipairs(policy_tables.row_keys(fleet)) do
    redis.call('DEL', key)
  end
  for _, field in ipairs(fleet.policy_table.VECTORS) do
    fleet[field] = vectors.zeros(fleet.classes)
  end
end
