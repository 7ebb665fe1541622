-- Batches: many operations on sessions, or many facts of a replay, in one call.

batches = {}

-- Kinds of batches, written from service/slta/store/operations.py. `functions` has the operations, which take an id and
-- further arguments; in ARGV they start at `first`, and each has `stride` words. `creates` has those that expect their
-- id to be unused.
batches.OPERATIONS = {} -- @OPERATIONS@
batches.FACTS = {} -- @FACTS@

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

-- Outcomes in order; each operation sees the effects of those before it. The first error stops the batch. Also the
-- attributes, whether all succeeded, and the error.
local function run_batch(fleet, args, kind)
  local outcomes, found = {}, {}
  local ok, message = pcall(begin_batch, fleet, args, kind)
  for at = kind.first, #args, kind.stride do
    local outcome, pool_id, second
    if ok then
      ok, outcome, pool_id, second = pcall(kind.functions[args[at]], fleet, unpack(args, at + 1, at + kind.stride - 1))
      if not ok then
        message, outcome = outcome, { 'FAULT' }
      elseif second or pool_id and fleet.attribute_list > 0 then
        add_attributes(fleet, found, #outcomes + 1, pool_id, second)
      end
    end
    outcomes[#outcomes + 1] = outcome or { 'NOT_RUN' }
  end
  return outcomes, found, ok, message
end

-- Runs a batch -> {BATCH, one outcome per operation, attributes}. After an unexpected error the outcome is FAULT, that
-- of the remaining operations NOT_RUN, and the fleet is marked suspect. If writing the buffer fails, all outcomes are
-- FAULT. `attributes` has the address of the pool that an outcome names, {address, labels} or {address, that of the
-- policy's choice}, in the order of the outcomes; '' without one, and trailing ones may be missing.
function batches.run(fleet, args, kind)
  local outcomes, found, ok, message = run_batch(fleet, args, kind)
  local written, why = pcall(write_buffer.write, fleet)
  if not written then
    ok, message = false, why
    for at = 1, #outcomes do
      outcomes[at] = { 'FAULT' }
    end
  end
  if not ok then
    state.mark_suspect(fleet, message)
  end
  return { 'BATCH', outcomes, found }
end
