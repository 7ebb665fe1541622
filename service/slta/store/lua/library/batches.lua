-- Batches: many operations on sessions, or many facts of a replay, in one call.

batches = {}

-- Kinds of batches, written from service/slta/store/operations.py. `functions` has the operations, which take an id and
-- further arguments; in ARGV they start at `first`, and each has `stride` words. `creates` has those that expect their
-- id to be unused.
batches.OPERATIONS = {} -- @OPERATIONS@
batches.FACTS = {} -- @FACTS@

local FAULT = { 'FAULT' }

-- Ends expired leases (a replay may still extend them). A batch of two or more operations starts the write buffer and
-- prefetches the records of its ids.
local function begin_batch(fleet, args, kind)
  if #args >= kind.first + kind.stride then
    local ids, creates = {}, {}
    for at = kind.first, #args, kind.stride do
      ids[#ids + 1] = args[at + 1]
      if kind.creates[args[at]] then
        creates[#creates + 1] = args[at + 1]
      end
    end
    write_buffer.begin(fleet)
    rows.hold({})
    sessions.prefetch(fleet, ids, creates)
  end
  if kind == batches.OPERATIONS then
    sessions.reap(fleet)
  end
end

-- Adds the address of the pool that outcome number `at` names, and a second attribute if there is one.
local function add_attributes(fleet, found, at, pool_id, second)
  for missing = #found + 1, at - 1 do
    found[missing] = ''
  end
  local address = pool_id and attributes.address(fleet, pool_id) or ''
  found[at] = second and { address, second } or address
end

-- Appends outcomes and attributes; each operation sees the effects of those before it. An error stops the batch; the
-- outcome of its operation is FAULT.
local function run_operations(fleet, args, kind, outcomes, found)
  begin_batch(fleet, args, kind)
  local functions, stride, nth = kind.functions, kind.stride, 0
  for at = kind.first, #args, stride do
    nth = nth + 1
    outcomes[nth] = FAULT
    local outcome, pool_id, second =
      functions[args[at]](fleet, args[at + 1], args[at + 2], args[at + 3], args[at + 4], args[at + 5])
    if second or pool_id and fleet.attribute_list > 0 then
      add_attributes(fleet, found, nth, pool_id, second)
    end
    outcomes[nth] = outcome
  end
end

local function write_all(fleet)
  rows.write()
  write_buffer.write(fleet)
end

-- Runs a batch -> {BATCH, one outcome per operation, attributes}. After an unexpected error the outcome is FAULT, that
-- of the remaining operations NOT_RUN, and the fleet is marked suspect. If writing the buffer fails, all outcomes are
-- FAULT. `attributes` has the address of the pool that an outcome names, {address, labels} or {address, that of the
-- policy's choice}, in the order of the outcomes; '' without one, and trailing ones may be missing.
function batches.run(fleet, args, kind)
  local outcomes, found = {}, {}
  local ok, message = pcall(run_operations, fleet, args, kind, outcomes, found)
  local written, why = pcall(write_all, fleet)
  if not (ok and written) then
    for at = 1, (#args - kind.first) / kind.stride + 1 do
      outcomes[at] = written and (outcomes[at] or { 'NOT_RUN' }) or FAULT
    end
    state.mark_suspect(fleet, written and message or why)
  end
  return { 'BATCH', outcomes, found }
end
