-- Rows of pools: a pool in service has its sessions in the ledger, any other in no row.

pool_rows = {}

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

-- Counts a pool under another effective status; returns its column, nil if it is in service both before and after, or
-- neither.
local function recount(fleet, pool, effective_status)
  local class_index, pool_index = keys.locate(fleet, pool.pool_number)
  pool_records.count(fleet, class_index, pool.effective_status, -1)
  pool_records.count(fleet, class_index, effective_status, 1)
  if (pool.effective_status == 'active') ~= (effective_status == 'active') then
    if fleet.kinds > 0 then
      type_counts.move_pool(fleet, pool.pool_number, effective_status == 'active' and 1 or -1)
    end
    return { pool_index = pool_index, occupancy = pool.occupancy }
  end
end

-- Moves pools, { pool_number, effective_status, occupancy }, to the effective status `new_status` of each, or else to
-- the one given: counts and rows. O(sessions on one pool, or pools + levels in use * pools / 8).
function pool_rows.move(fleet, found, effective_status)
  local columns = {}
  for class_index = 1, #fleet.names do
    columns[class_index] = {}
  end
  for _, pool in ipairs(found) do
    local of_class = columns[(keys.locate(fleet, pool.pool_number))]
    of_class[#of_class + 1] = recount(fleet, pool, pool.new_status or effective_status)
  end
  for class_index, of_class in ipairs(columns) do
    if #of_class > 0 then
      move_columns(fleet, class_index, of_class, effective_status == 'active' and 1 or 0)
    end
  end
end
