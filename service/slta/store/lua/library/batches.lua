-- Batches: many operations on sessions in one call.

batches = {}

-- Written from service/slta/store/operations.py. `functions` has the operations, which take an id and further
-- arguments; in ARGV they start at `first`, and each has `stride` words. `creates` has those that expect their id to be
-- unused.
local OPERATIONS = {} -- @OPERATIONS@

local FAULT = { 'FAULT' }

-- Reads what the operations need, if there are several, and ends expired leases.
local function begin(fleet, args)
  if #args >= OPERATIONS.first + OPERATIONS.stride then
    local ids, creates = {}, {}
    for at = OPERATIONS.first, #args, OPERATIONS.stride do
      ids[#ids + 1] = args[at + 1]
      if OPERATIONS.creates[args[at]] then
        creates[#creates + 1] = args[at + 1]
      end
    end
    sessions.prefetch(fleet, ids, creates)
  end
  policies.count(fleet)
  sessions.reap(fleet)
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
local function run(fleet, args, outcomes, found)
  begin(fleet, args)
  local functions, stride, nth = OPERATIONS.functions, OPERATIONS.stride, 0
  for at = OPERATIONS.first, #args, stride do
    nth = nth + 1
    outcomes[nth] = FAULT
    local outcome, pool_id, second =
      functions[args[at]](fleet, args[at + 1], args[at + 2], args[at + 3], args[at + 4])
    if second or pool_id and fleet.attributes > 0 then
      add_attributes(fleet, found, nth, pool_id, second)
    end
    outcomes[nth] = outcome
  end
end

-- Runs a batch -> {BATCH, one outcome per operation, attributes}. After an unexpected error the outcome is FAULT, that
-- of the remaining operations NOT_RUN, and the fleet is marked suspect. If writing fails, all outcomes are FAULT.
-- `attributes` has the address of the pool that an outcome names, {address, labels} or {address, that of the policy's
-- choice}, in the order of the outcomes; '' without one, and trailing ones may be missing.
function batches.run(fleet, given)
  local args, outcomes, found = given.operations, {}, {}
  local ok, message = pcall(run, fleet, args, outcomes, found)
  local written, why = pcall(records.write)
  if not (ok and written) then
    for at = 1, (#args - OPERATIONS.first) / OPERATIONS.stride + 1 do
      outcomes[at] = written and (outcomes[at] or { 'NOT_RUN' }) or FAULT
    end
    state.mark_suspect(fleet, written and message or why)
  end
  return { 'BATCH', outcomes, found }
end
