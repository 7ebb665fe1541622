-- Marks: what a fleet acknowledged of a pool, a session or itself since an incarnation began, and which facts of
-- earlier ones were replayed, so that the replay of another dispatcher undoes neither. `marks` is a hash of "pool id",
-- "session id" and "fleet", which is there if a pool is, to a stamp: "incarnation revision". It is written and kept
-- while dispatchers may have facts of before.

marks = {}

local MAX_SESSIONS = 100000 -- marks beyond which no further session gets one

-- Whether a dispatcher may still replay facts. O(1).
local function are_open(fleet)
  cold.load(fleet, 'recovering_until')
  local recovering_until = fleet.recovering_until or 0
  return recovering_until > 0 and fleet.time < recovering_until + constants.REPLAY_SECONDS * 1e6
end

-- Sets the marks of names to the present stamp, or to those given. O(names).
function marks.set(fleet, names, stamps)
  if names[1] and are_open(fleet) then
    local words, present = {}, string.format('%.0f %.0f', fleet.incarnation, fleet.revision)
    for at, name in ipairs(names) do
      words[2 * at - 1], words[2 * at] = name, stamps and stamps[at] or present
    end
    write_buffer.send('HSET', keys.of_fleet(fleet, 'marks'), words)
  end
end

-- The same for these pools, and for the fleet if there are any.
function marks.set_pools(fleet, ids)
  local names = { ids[1] and 'fleet' }
  for at, pool_id in ipairs(ids) do
    names[at + 1] = 'pool ' .. pool_id
  end
  marks.set(fleet, names)
end

-- Position of a stamp's incarnation among those recorded, 0 for an unknown one, and its revision.
local function parse(fleet, stamp)
  local incarnation, revision = string.match(stamp or '', '^(%d+) (%d+)$')
  for at, word in ipairs(fleet.incarnations or {}) do
    if incarnation and string.find(word, '^' .. incarnation .. ':') then
      return at, tonumber(revision)
    end
  end
  return 0, tonumber(revision) or -1
end

-- Sets the `mark` of facts, { name, stamp }: present if it is of the present incarnation, later if it is of the fact's
-- stamp or a later one, earlier, or none. O(facts).
function marks.compare(fleet, facts)
  local names = {}
  for at, fact in ipairs(facts) do
    names[at] = fact.name
  end
  cold.load(fleet, 'incarnations')
  for at, mark in ipairs(records.read_all(keys.of_fleet(fleet, 'marks'), names)) do
    local marked, last = parse(fleet, mark)
    local given, revision = parse(fleet, facts[at].stamp)
    if marked == #(fleet.incarnations or {}) then
      facts[at].mark = 'present'
    else
      local is_later = marked > given or marked == given and last >= revision
      facts[at].mark = mark and (is_later and 'later' or 'earlier') or 'none'
    end
  end
end

-- Whether a deletion with this stamp is of another fleet, or one of before a change of the present incarnation. O(1).
function marks.forbid_deletion(fleet, stamp)
  local fact = { name = 'fleet', stamp = stamp }
  marks.compare(fleet, { fact })
  return fact.mark == 'present' or not incarnations.is_of(fleet, string.match(stamp, '^%d+'))
end

-- A session is answered as unknown, which a replay leaves so. Not while the server's memory is full. O(1).
function marks.answer(fleet, id)
  if not fleet.memory_full and are_open(fleet) and redis.call('HLEN', keys.of_fleet(fleet, 'marks')) < MAX_SESSIONS then
    marks.set(fleet, { 'session ' .. id })
  end
end

-- Whether a session was answered as unknown in the present incarnation. O(1).
function marks.is_answered(fleet, id)
  local mark = redis.call('HGET', keys.of_fleet(fleet, 'marks'), 'session ' .. id)
  return mark and string.find(mark, string.format('^%.0f ', fleet.incarnation)) ~= nil
end

-- Drops them once no dispatcher may have facts any more. Called each retention time. O(1).
function marks.drop(fleet)
  if not are_open(fleet) and (fleet.recovering_until or 0) > 0 then
    redis.call('UNLINK', keys.of_fleet(fleet, 'marks'))
    fleet.recovering_until = 0
  end
end
