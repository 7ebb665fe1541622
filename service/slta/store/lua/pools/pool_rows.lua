-- Rows of pools: a pool in service has its sessions in the ledger, any other in no row.

pool_rows = {}

-- The ids of at most `most` pools of a class that have a bit in a row. O(most + pools / 8).
function pool_rows.ids(fleet, row, class_index, most)
  local ids = {}
  rows.each(keys.of_class(fleet, row, class_index), 0, function(pool_index)
    ids[#ids + 1] = pool_records.name(fleet, keys.pool_number(fleet, class_index, pool_index))
    return #ids == most
  end)
  return ids
end

-- The pool_indexes by occupancy, and the highest occupancy.
local function by_occupancy(columns)
  local found, highest = {}, 0
  for _, column in ipairs(columns) do
    found[column.occupancy] = found[column.occupancy] or {}
    table.insert(found[column.occupancy], column.pool_index)
    highest = math.max(highest, column.occupancy)
  end
  return found, highest
end

-- The same as `ledger.write_column` for many pools of a class, a row at a time: an inactive pool has no bits, so that
-- each row changes by XOR with the row of the pools that have reached its level. O(pools + levels in use * pools / 8).
local function write_columns(fleet, class_index, columns, present)
  local mask, left, sign = keys.of_fleet(fleet, 'mask'), #columns, present == 1 and 1 or -1
  for _, column in ipairs(columns) do
    redis.call('SETBIT', mask, column.pool_index, 1)
  end
  local indexes, highest = by_occupancy(columns)
  accounting.prefetch_marginals(fleet, class_index, highest)
  for level = 0, highest do
    local row = keys.of_level(fleet, class_index, level)
    redis.call('BITOP', 'XOR', row, row, mask)
    if level > 0 then
      fleet.utility = fleet.utility + sign * left * tables.number(fleet, 'marginals', class_index, level)
      fleet.sessions = fleet.sessions + sign * left
    end
    for _, pool_index in ipairs(indexes[level] or {}) do
      redis.call('SETBIT', mask, pool_index, 0)
      left = left - 1
    end
  end
  redis.call('DEL', mask)
end

-- Moves the sessions of pools of a class that become active (`present` is 1) or cease to be (0): an active pool's are
-- in the ledger, all others in draining_sessions.
local function move_columns(fleet, class_index, columns, present)
  local before = fleet.sessions
  if #columns == 1 then
    ledger.write_column(fleet, class_index, columns[1].pool_index, columns[1].occupancy, present)
  else
    write_columns(fleet, class_index, columns, present)
  end
  cold.load(fleet, 'draining_sessions')
  fleet.draining_sessions[class_index] = fleet.draining_sessions[class_index] + before - fleet.sessions
end

-- Counts a pool, { pool_number, class_index, pool_index, counted, to_count }, under another status, nil for a pool that
-- is made or removed. Returns its column, nil if it has none to move, and 1 if it comes into service, 0 if it goes.
local function recount(fleet, pool)
  local was_serving, present = pool.counted == 'active', pool.to_count == 'active' and 1 or 0
  pool_records.count(fleet, pool.class_index, pool.counted, -1)
  pool_records.count(fleet, pool.class_index, pool.to_count, 1)
  if was_serving == (present == 1) then
    return nil
  elseif not pool.counted or not pool.to_count then -- empty
    redis.call('SETBIT', keys.of_class(fleet, 'active', pool.class_index), pool.pool_index, present)
    return nil
  elseif fleet.kinds > 0 then
    type_counts.move_pool(fleet, pool.pool_number, 2 * present - 1)
  end
  return { pool_index = pool.pool_index, occupancy = ledger.occupancy(fleet, pool.pool_number) }, present
end

-- Moves pools to the statuses under which they are to be counted: counts and rows. O(sessions on one pool, or pools +
-- levels in use * pools / 8).
function pool_rows.move(fleet, found)
  local columns = { [0] = {}, [1] = {} }
  for _, pool in ipairs(found) do
    if pool.counted ~= pool.to_count then
      local column, present = recount(fleet, pool)
      local by_class = column and columns[present] or {}
      by_class[pool.class_index] = by_class[pool.class_index] or {}
      table.insert(by_class[pool.class_index], column)
    end
  end
  for present, by_class in pairs(columns) do
    for class_index, of_class in pairs(by_class) do
      move_columns(fleet, class_index, of_class, present)
    end
  end
end
