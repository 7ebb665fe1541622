-- Compiled tables of a fleet: what follows from its configuration and from which classes have pools in service.
--
-- {fleet}:tables is a hash of the texts that the dispatcher compiles: lists, and tables of fixed-width entries.
-- {fleet}:document is a hash of their source: the `text` as it was put, and the permanent `ids` of the classes and
-- `type_numbers` of the session types, in the text's order. What is parsed from them stays in the library's memory, and
-- is valid for one version, `tables`. For one `shape`, which any change of pools changes, are also valid: the numbers
-- of pools and the places of pools that were read, see `pool_records`. Live order and bound leave out classes without
-- pools in service: the paper assumes that every class has pools, and r would get stuck at a rank that no pool can
-- fill.

tables = {}

tables.POLICIES = {} -- by name; they fill it in

local NUMBERS = {
  'lease', 'retention', 'beta_coefficient', 'beta_power', 'exponent', 'gone', 'forget', 'reserve',
  'reserve_for_priority', 'scale_window',
}
local TEXTS = { 'policy', 'utilities', 'quality', 'session_types' }
local BYTES, CLASS_BYTES = constants.BYTES, constants.CLASS_BYTES

tables.SETTINGS = { NUMBERS, TEXTS }

-- The fields and values that follow from a configuration and the permanent numbers of classes and types. O(levels).
function tables.of(given, class_ids, type_numbers)
  local words = {
    'names', table.concat(given.names, ' '), 'ids', table.concat(class_ids, ' '),
    'capacities', table.concat(given.capacities, ' '), 'type_numbers', table.concat(type_numbers, ' '),
    'order', given.order, 'bound', given.bound,
  }
  for _, names in ipairs(tables.SETTINGS) do
    for _, name in ipairs(names) do
      vectors.append(words, { name, type(given[name]) == 'number' and vectors.text(given[name]) or given[name] })
    end
  end
  for class, id in ipairs(class_ids) do
    vectors.append(words, { 'marginals:' .. id, given.marginals[class] })
  end
  return words
end

-- Writes the tables of a configuration. O(levels).
function tables.write(fleet, given, class_ids, type_numbers)
  redis.call('DEL', fleet.prefix .. 'tables')
  commands.send('HSET', fleet.prefix .. 'tables', tables.of(given, class_ids, type_numbers))
  fleet.tables = math.max(fleet.tables + 1, fleet.clock) -- not that of an earlier fleet of the same name
end

-- The numbers of a text of fixed-width entries.
local function column(text)
  local found, bytes = {}, BYTES.marginals
  for at = 1, #text / bytes do
    found[at] = tonumber(string.sub(text, (at - 1) * bytes + 1, at * bytes))
  end
  return found
end

-- The class and the number of the entry at a byte of an order or a bound.
local function entry(text, at, bytes)
  local number = string.sub(text, at + CLASS_BYTES, at + bytes - 1)
  return tonumber(string.sub(text, at, at + CLASS_BYTES - 1)), tonumber(number)
end

-- The classes and numbers of the entries whose class has pools. O(levels).
local function live(text, bytes, counts)
  local classes, numbers, count = {}, {}, 0
  for at = 1, #text, bytes do
    local class, number = entry(text, at, bytes)
    if counts[class] > 0 then
      count = count + 1
      classes[count], numbers[count] = class, number
    end
  end
  return classes, numbers
end

-- The ranks of each class's levels.
local function ranks_of(order_class, classes)
  local ranks = {}
  for class = 1, classes do
    ranks[class] = {}
  end
  for rank = 1, #order_class do
    local own = ranks[order_class[rank]]
    own[#own + 1] = rank
  end
  return ranks
end

-- Which classes have pools, as text.
local function support(counts)
  local words = {}
  for class = 1, #counts do
    words[class] = counts[class] > 0 and 1 or 0
  end
  return table.concat(words)
end

-- Counts the pools in service by class, `quiet` those of them that are unconfirmed; their places, and the green tokens
-- after which r falls.
local function count_pools(compiled)
  compiled.pools, compiled.quiet, compiled.active, compiled.room, compiled.unconfirmed = {}, {}, 0, 0, 0
  for class = 1, #compiled.names do
    local quiet = redis.call('ZCARD', compiled.keys.quiet[class])
    local count = redis.call('ZCARD', compiled.keys.pools[class]) + quiet
    compiled.pools[class], compiled.quiet[class] = count, quiet
    compiled.active, compiled.unconfirmed = compiled.active + count, compiled.unconfirmed + quiet
    compiled.room = compiled.room + count * compiled.capacities[class]
  end
  local enough = compiled.beta_coefficient * compiled.active ^ compiled.beta_power
  compiled.min_green = math.max(2, math.ceil(enough * (1 - 1e-12))) -- absorbs rounding: 100 * 0.05 gives 5, not 6
end

-- Parses what follows from the configuration only.
local function parse(fleet)
  local flat = vectors.by_name(redis.call('HGETALL', fleet.prefix .. 'tables'))
  local compiled = {
    version = fleet.tables, names = vectors.split(flat.names), ids = vectors.split(flat.ids, true),
    capacities = vectors.split(flat.capacities, true), order = flat.order, bound = flat.bound,
    marginals = {}, index_by_id = {}, fields = {}, support = false,
  }
  compiled.keys = keys.of_fleet(fleet.prefix, compiled.ids)
  for _, name in ipairs(NUMBERS) do
    compiled[name] = tonumber(flat[name]) or error('the setting ' .. name .. ' is missing')
  end
  for _, name in ipairs(TEXTS) do
    compiled[name] = flat[name] or error('the setting ' .. name .. ' is missing')
  end
  for class, id in ipairs(compiled.ids) do
    compiled.marginals[class], compiled.index_by_id[id] = column(flat['marginals:' .. id]), class
  end
  compiled.types = types.parse(flat.session_types, flat.type_numbers, #compiled.names)
  compiled.policy_table = tables.POLICIES[compiled.policy] or error({ refusal = 'NEWER_FLEET' })
  return compiled
end

-- Makes what follows from which classes have pools. O(levels), O(classes) if these are the same.
local function compile(compiled)
  count_pools(compiled)
  local present = support(compiled.pools)
  if compiled.support ~= present then
    compiled.support = present
    compiled.order_class, compiled.order_level = live(compiled.order, BYTES.order, compiled.pools)
    compiled.bound_class, compiled.bound_marginal = live(compiled.bound, BYTES.bound, compiled.pools)
    compiled.last_rank = #compiled.order_class
    compiled.ranks = ranks_of(compiled.order_class, #compiled.names)
  end
  compiled.place_of, compiled.place_at, compiled.address_of = {}, {}, {}
end

-- The tables of a fleet; `known` are those of its last call here, or nil.
function tables.open(fleet, known)
  if not known or known.version ~= fleet.tables then
    known = parse(fleet)
  elseif known.shape == fleet.shape then
    return known
  end
  compile(known)
  known.shape = fleet.shape
  return known
end

-- The field of a number of a class.
function tables.field(fleet, name, class)
  local compiled = fleet.tables_of
  local own = compiled.fields[name]
  if not own then
    own = {}
    compiled.fields[name] = own
  end
  if not own[class] then
    own[class] = name .. ':' .. compiled.ids[class]
  end
  return own[class]
end

-- The first coordinate of the order of all classes.
function tables.best(fleet)
  return entry(fleet.tables_of.order, 1, BYTES.order)
end

-- The live rank of a coordinate, else of the next worse one whose class has pools, else the last. O(levels).
function tables.at_or_after(fleet, class, level)
  local compiled, found, bytes = fleet.tables_of, false, BYTES.order
  local rank = compiled.ranks[class] and compiled.ranks[class][level]
  for at = 1, rank and 0 or #compiled.order, bytes do
    local here, there = entry(compiled.order, at, bytes)
    found = found or here == class and there == level
    if found and compiled.pools[here] > 0 then
      return compiled.ranks[here][there]
    end
  end
  return rank or compiled.last_rank
end

-- r*: the first rank at which the pools of better coordinates cannot hold all sessions (eq. 5). O(r*).
function tables.optimal_rank(fleet)
  local compiled, left = fleet.tables_of, fleet.sessions
  for rank = 1, compiled.last_rank do
    left = left - compiled.pools[compiled.order_class[rank]]
    if left < 0 then
      return rank
    end
  end
  return compiled.last_rank
end

-- U of a pool of a class with so many sessions. O(sessions).
function tables.utility(fleet, class, occupancy)
  local column_of, total = fleet.tables_of.marginals[class], 0
  for level = 1, math.min(occupancy, #column_of) do
    total = total + column_of[level]
  end
  return total
end

-- The highest number from 0 to `high` for which holds(number), if it holds up to some number. O(log high) calls.
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
