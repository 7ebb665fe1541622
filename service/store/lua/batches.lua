-- Batches: many operations on sessions, or facts of a replay, in one call.

batches = {}

-- Kinds of batches: the functions of their operations, which take an id and further arguments; `first` is where the
-- operations begin in ARGV, and each has `stride` words. Which are on ids that should not be there yet is `fresh`.
batches.OPERATIONS = {
  first = 2, stride = 5, fresh = { assign = true, report = true },
  functions = {
    assign = sessions.assign, complete = sessions.complete, renew = sessions.renew,
    adopt = reports.adopt, ['end'] = reports.end_on, report = reports.take,
  },
}
batches.FACTS = {
  first = 3, stride = 6, fresh = { placed = true, ended = true },
  functions = { placed = replay.placed, ended = replay.ended },
}

-- Ends leases, unless facts may lengthen them; lets many operations share their commands, and reads what they will ask
-- for.
local function begin_batch(fleet, args, kind)
  if #args >= kind.first + kind.stride then
    local ids, fresh = {}, {}
    for at = kind.first, #args, kind.stride do
      ids[#ids + 1] = args[at + 1]
      if kind.fresh[args[at]] then
        fresh[#fresh + 1] = args[at + 1]
      end
    end
    gather.begin(fleet)
    sessions.expect(fleet, ids, fresh)
  end
  if kind == batches.OPERATIONS then
    leases.reap(fleet)
  end
end

-- The outcomes of operations in order, each of which sees the effect of the one before, until one ends in an error;
-- then whether there was none, and the error.
local function run_batch(fleet, args, kind)
  local outcomes = {}
  local sound, message = pcall(begin_batch, fleet, args, kind)
  for at = kind.first, #args, kind.stride do
    local outcome
    if sound then
      sound, outcome = pcall(kind.functions[args[at]], fleet, unpack(args, at + 1, at + kind.stride - 1))
      if not sound then
        message, outcome = outcome, { 'FAULT' }
      end
    end
    outcomes[#outcomes + 1] = outcome or { 'NOT_RUN' }
  end
  return outcomes, sound, message
end

-- Runs a batch -> {BATCH, an outcome each, in order}. An unexpected error is FAULT for its operation, marks the fleet
-- suspect, and leaves those after it NOT_RUN; one in writing what they gathered is FAULT for all.
function batches.run(fleet, args, kind)
  local outcomes, sound, message = run_batch(fleet, args, kind)
  local written, why = pcall(gather.write, fleet)
  if not written then
    sound, message = false, why
    for at = 1, #outcomes do
      outcomes[at] = { 'FAULT' }
    end
  end
  if not sound then
    repair.suspect(fleet, message)
  end
  state.write(fleet)
  return { 'BATCH', outcomes }, fleet
end
