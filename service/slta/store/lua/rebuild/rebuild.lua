-- Rebuilds: a fleet's derived keys made anew from its records, and the same walk as a comparison, in slices and under
-- traffic. docs/maintainers/store.md has every key with its group: what follows from others is mended; a record that
-- cannot be used is set aside, never moved; what follows from nothing else is dropped if it is unreadable.
--
-- A run is in the library's memory, with the fleet: it ends if this is read anew, as by another process of the server,
-- or after another version of the library has changed the fleet. Its caller then begins again.
--
--   parts   { list(fleet, run, cursor) -> next cursor or nil, items; check(fleet, run, items); size of a group }
--   items, at, cursor   what is left of the present list
--   mends   whether it writes
--   counted, tally      numbers of the pools that are counted, and the counts, see `tallies`
--   by_number, number_of   pools by the numbers of their records; numbers by pool that only a name has
--   lost, orphans   pools and sessions whose record is not used
--   total, found, aside, named, without_type   findings; records set aside

rebuild = {}

local ABANDONED = 60e6 -- µs without a slice after which a run is forgotten
local GROUP = 100 -- items that are checked together
local SECONDS = 1000 -- seconds without leases that one list skips

local last, begun = 0, false -- the last run of this process, and when its first one began

-- A part of the fields of a hash, or the members of a sorted set.
local function scan(command, key_of, check, group)
  return {
    list = function(fleet, _, cursor)
      local found = redis.call(command, key_of(fleet), cursor, 'COUNT', GROUP)
      local items = {}
      for at = 1, #found[2], 2 do
        items[#items + 1] = found[2][at]
      end
      return found[1] ~= '0' and found[1] or nil, items
    end, check = check, group = group or GROUP,
  }
end

local function of_key(name)
  return function(fleet) return fleet.tables_of.keys[name] end
end

-- The ids of the first set of leases from a second on.
local function list_leases(fleet, run, cursor)
  local second = math.max(tonumber(cursor), fleet.next_due)
  for _ = 1, SECONDS do
    if second > run.latest_due then
      return nil, {}
    end
    local ids = findings.members(run, fleet.tables_of.keys.leases .. string.format('%d', second)) or {}
    if ids[1] then
      run.second = second
      return string.format('%d', second + 1), ids
    end
    second = second + 1
  end
  return string.format('%d', second), {}
end

-- Texts of events and history that cannot be read are dropped.
local function check_lists(fleet, run)
  for key, is_valid in pairs(history.checks(fleet)) do
    local kept, lines = {}, redis.call('LRANGE', key, 0, -1)
    for _, line in ipairs(lines) do
      kept[#kept + 1] = is_valid(line) and line or nil
    end
    if #kept < #lines then
      findings.wrong(run, key .. ': has unreadable entries', function()
        redis.call('DEL', key)
        commands.send('RPUSH', key, kept)
      end)
    end
  end
end

-- A part that is one call for each of these items.
local function once(items, check)
  return { list = function() return nil, items end, check = check, group = 1 }
end

local function parts_of(fleet)
  local parts, classes = {
    scan('HSCAN', of_key('records'), pool_checks.numbers_of), scan('HSCAN', of_key('names'), pool_checks.names),
    scan('HSCAN', of_key('records'), pool_checks.record, 1),
    scan('HSCAN', of_key('sessions'), session_checks.records),
    { list = list_leases, check = session_checks.leases, group = GROUP },
    scan('ZSCAN', of_key('timers'), pool_checks.timers),
    scan('HSCAN', of_key('addresses'), pool_checks.attributes('addresses')),
    scan('HSCAN', of_key('labels'), pool_checks.attributes('labels')), once({ 'lists' }, check_lists),
  }, {}
  for class = 1, #fleet.tables_of.names do
    classes[class] = class
    for _, set in ipairs({ 'pools', 'quiet', 'leaving' }) do
      parts[#parts + 1] = scan('ZSCAN', function(present) return present.tables_of.keys[set][class] end,
        pool_checks.numbers(set, class))
    end
    parts[#parts + 1] = {
      list = function(present, _, cursor)
        local numbers, following = pools.numbers_of(present, class, tonumber(cursor), GROUP)
        return following and string.format('%d', following), numbers
      end, check = pool_checks.numbers('used', class), group = GROUP,
    }
  end
  return vectors.append(parts, { once(classes, totals_checks.bits), once({ 'totals' }, totals_checks.finish) })
end

local function new_run(mends)
  return {
    mends = mends, part = 1, items = {}, at = 1, cursor = '0', counted = {}, tally = {}, by_number = {},
    number_of = {}, lost = {},
    orphans = {}, total = 0, found = {}, aside = { session = 0, pool = 0 }, named = {}, without_type = 0,
    latest_due = 0, budget = 0,
  }
end

-- {RUN, name, 1 if it has ended, findings, their number; numbers of sessions, of these that are set aside, and of
-- pools; kind, id and why of some of these records; sessions that became `default`, what could not be checked}. Lists
-- are those of this call, numbers those of the run.
local function reply_of(fleet, run, unchecked)
  local has_ended = unchecked or not run.parts[run.part]
  local live = fleet and redis.call('HLEN', fleet.tables_of.keys.sessions) or 0
  if has_ended and fleet then
    fleet.runs[run.name] = nil
  end
  return {
    'RUN', run.name or '', has_ended and 1 or 0, run.found, run.total, live, run.aside.session, run.aside.pool,
    has_ended and run.named or {}, run.without_type, unchecked or '',
  }
end

-- Begins a run of a fleet, which is nil if it cannot be read; `run` has the findings of the inspection.
function rebuild.begin(fleet, run)
  if not fleet then
    return reply_of(nil, run, 'the fleet, as its state is unreadable')
  end
  for name, other in pairs(fleet.runs) do
    fleet.runs[name] = fleet.clock - other.seen < ABANDONED and other or nil
  end
  begun, last = begun or fleet.clock, last + 1
  run.name, run.seen, run.parts = string.format('%.0f:%d', begun, last), fleet.clock, parts_of(fleet)
  run.latest_due = leases.due(fleet, fleet.tables_of.lease)
  fleet.runs[run.name] = run
  return reply_of(fleet, run)
end

-- given: a configuration as for `put`, compiled from the stored document. Looks at what can be before the fleet is
-- opened
--   -> the run | nil and a refusal as from `inspection.run`. O(levels).
function rebuild.inspect(key, given, mends)
  local run = new_run(mends)
  local refusal = inspection.run(key, given, run)
  state.reload(key)
  return not refusal and run or nil, refusal
end

-- A group of items, the next list, or the next part. One that fails is a finding, and the run goes on with the next
-- part.
local function step(fleet, run)
  local part, group, ok, message = run.parts[run.part], {}, true, nil
  if run.items[run.at] then
    for at = run.at, math.min(run.at + part.group, #run.items + 1) - 1 do
      group[#group + 1] = run.items[at]
    end
    run.at, run.budget = run.at + #group, run.budget - 4 - 6 * #group
    ok, message = pcall(part.check, fleet, run, group)
    records.write()
  elseif run.cursor then
    local items
    ok, message, items = pcall(part.list, fleet, run, run.cursor)
    run.cursor, run.items, run.at, run.budget = ok and message or nil, ok and items or {}, 1, run.budget - GROUP
  end
  if not ok then
    local why = type(message) == 'table' and message.err or message
    findings.wrong(run, 'part ' .. run.part .. ' cannot be checked: ' .. why)
  end
  if not ok or not run.items[run.at] and not run.cursor then
    run.part, run.items, run.at, run.cursor = run.part + 1, {}, 1, '0'
  end
end

-- run: its name, work: about so many commands -> {RUN, …} as `reply_of` | {AGAIN} if there is no such run. O(work +
-- sessions of a pool).
function rebuild.slice(fleet, given)
  local run = fleet.runs[given.run]
  if not run then
    return { 'AGAIN' }
  end
  run.seen, run.budget, run.found = fleet.clock, given.work, {}
  policies.count(fleet)
  while run.budget > 0 and run.parts[run.part] do
    step(fleet, run)
  end
  if run.mends then
    fleet.tables_of.place_of, fleet.tables_of.place_at = {}, {} -- names, numbers and sets may have changed
  end
  return reply_of(fleet, run)
end
