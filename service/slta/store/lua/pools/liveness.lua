-- Liveness of pools by class: numbers of those that send heartbeats, and the state of the guards. A fleet of which no
-- pool has had a lease has none of this. `pool_liveness` maps a class id to the numbers of NUMBERS.

liveness = {}

-- Of each class: active pools with a lease, and unconfirmed ones that drain, by liveness; of its guard (see `guards`)
-- whether it is on, how many pools became unconfirmed, how many of those were heard, and the longest of their leases.
local NUMBERS = { 'alive', 'unconfirmed', 'lost', 'gone', 'guard', 'became_unconfirmed', 'heard', 'ttl' }
liveness.OFF, liveness.ON, liveness.OVER = 0, 1, 2 -- of a guard
local SHOWN = 5 -- of them in snapshots

-- Counts of a class, which `liveness.write` writes back.
function liveness.of_class(fleet, class_index)
  fleet.liveness = fleet.liveness or {}
  local counts = fleet.liveness[class_index]
  if not counts then
    local class_id = string.format('%d', fleet.numbers[class_index])
    local text = redis.call('HGET', keys.of_fleet(fleet, 'pool_liveness'), class_id)
    local numbers = vectors.split(text or '', true)
    counts = { is_stored = text ~= false }
    for at, name in ipairs(NUMBERS) do
      counts[name] = numbers[at] or 0
    end
    fleet.liveness[class_index] = counts
  end
  return counts
end

-- Writes the counts of classes that were loaded, and forgets them. O(classes).
function liveness.write(fleet)
  local words = {}
  for class_index, counts in pairs(fleet.liveness or {}) do
    local numbers = {}
    for at, name in ipairs(NUMBERS) do
      numbers[at] = counts[name]
    end
    words[#words + 1] = string.format('%d', fleet.numbers[class_index])
    words[#words + 1] = vectors.encode(numbers)
  end
  if words[1] then
    redis.call('HSET', keys.of_fleet(fleet, 'pool_liveness'), unpack(words))
  end
  fleet.liveness = false
end

-- The first SHOWN numbers of each class in order, a text; '' for a fleet without leases. O(classes).
function liveness.list(fleet)
  local texts, exists = {}, redis.call('EXISTS', keys.of_fleet(fleet, 'pool_liveness')) == 1
  for class_index = 1, exists and #fleet.numbers or 0 do
    local counts = liveness.of_class(fleet, class_index)
    for at = 1, SHOWN do
      texts[#texts + 1] = vectors.encode(counts[NUMBERS[at]])
    end
  end
  fleet.liveness = false
  return table.concat(texts, ' ')
end

-- The liveness under which a pool is counted, that of an active one, and of any unconfirmed one; nil for none.
function liveness.counted_as(pool)
  local word = pool.lease and pool.lease.liveness
  return (pool.status == 'active' or word == 'unconfirmed') and word or nil
end

-- Counts a pool that was another one before; either may be empty.
function liveness.recount(fleet, class_index, before, after)
  local from, to = liveness.counted_as(before), liveness.counted_as(after)
  if from ~= to then
    local counts = liveness.of_class(fleet, class_index)
    if from then
      counts[from] = counts[from] - 1
    end
    if to then
      counts[to] = counts[to] + 1
    end
  end
end

-- The guard of a class counts an unconfirmed pool more.
function liveness.add_unconfirmed(counts, pool)
  counts.became_unconfirmed = counts.became_unconfirmed + 1
  counts.ttl = math.max(counts.ttl, pool.lease.ttl)
end
