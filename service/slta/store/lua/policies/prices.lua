-- Prices of places: the class for a session that may use some classes only. The class whose offer adds most, less what
-- its last good places are worth to types that find less elsewhere; a class that is kept from the type only if all are.
--
-- Read are the `types` of the compiled tables, their counts, and the frontiers of JLMU. The form of each sum, product
-- and root is that of the specification (service/slta/core/session_types/prices.py): both give the same bits.

prices = {}

local TIE = 2 -- integer marginal utilities that differ by less are worth the same

-- Of the present choice: the compiled tables, the counts by type, and the frontiers; by class its offer, false without
-- one; by type the best two offers, once asked for.
local compiled, counts, view, now, best_class, first, second = nil, nil, nil, {}, {}, {}, {}

-- base ^ exponent by squaring.
local function power(base, exponent)
  local result = 1
  while exponent > 0 do
    if exponent % 2 == 1 then
      result = result * base
    end
    base = base * base
    exponent = math.floor(exponent / 2)
  end
  return result
end

-- The chance that so many needy sessions take all holes: min(1, needy / room) ^ (3/8 * holes), times the share of the
-- time that a place that is left to them is taken: needy / (needy + holes).
local function chance(needy, room, holes)
  return power(math.sqrt(math.sqrt(math.sqrt(math.min(1, needy / room)))), 3 * holes) * (needy / (needy + holes))
end

-- Finds the best two offers of a type's classes. O(classes).
local function find_alternatives(kind)
  local set, best, one, two = compiled.types.sets[kind], 0, false, false
  for at = 1, #set do
    local offer = now[set[at]]
    if offer and (not one or offer > one) then
      best, one, two = set[at], offer, one
    elseif offer and (not two or offer > two) then
      two = offer
    end
  end
  best_class[kind], first[kind], second[kind] = best, one, two
end

-- What a type finds without this class; false for nothing.
local function besides(kind, class)
  if not best_class[kind] then
    find_alternatives(kind)
  end
  return best_class[kind] == class and second[kind] or best_class[kind] ~= class and first[kind]
end

-- The sessions of a type but those in another class whose last filled level, of its emptiest pool, is worth more than
-- `theirs`: these sit well and would not come. O(classes).
local function coming(kind, class, theirs)
  local set, row, left = compiled.types.sets[kind], (kind - 1) * compiled.types.classes, counts.sessions[kind]
  for at = 1, #set do
    local other = set[at]
    local inside = counts.held[row + other]
    if inside > 0 and other ~= class then
      local level = now[other] and math.max(1, view.frontiers[other] - 1) or compiled.capacities[other]
      left = compiled.marginals[other][level] > theirs + TIE and left - inside or left
    end
  end
  return left
end

-- The sessions that would come of the types that find at least TIE less than `mine`, and the least that one finds;
-- `after` is what they find in the class once its places that are worth `mine` are taken. O(classes * types).
local function find_needy(kind, class, mine, after)
  local known, needy, worst = compiled.types, 0, math.huge
  local rivals, classes = known.rivals[kind], known.classes
  for at = 1, #rivals do
    local rival = rivals[at]
    if known.may_use[(rival - 1) * classes + class] then
      local other = besides(rival, class)
      local theirs = other and other > after and other or after
      local left = theirs <= mine - TIE and coming(rival, class, theirs) or 0
      if left > 0 then
        needy, worst = needy + left, math.min(worst, theirs)
      end
    end
  end
  return needy, worst
end

-- The last level from `level` on that is worth more than `above`, else `level`. O(log levels), mostly O(1).
local function last_level(class, level, above)
  local capacity, column = compiled.capacities[class], compiled.marginals[class]
  if level == capacity or column[level + 1] <= above then
    return level
  end
  return level + tables.highest(capacity - level, function(more) return column[level + more] > above end)
end

-- The offer of a class less its price, nil if it has none. O(classes * types + log levels).
local function priced(kind, class)
  local mine = besides(kind, class)
  if not mine then
    return nil
  end
  local last, offer = last_level(class, view.frontiers[class], mine - TIE), now[class]
  local is_full = last == compiled.capacities[class] -- a refused session adds nothing
  local needy, worst = find_needy(kind, class, mine, is_full and 0 or compiled.marginals[class][last + 1])
  if needy == 0 or worst >= offer then
    return nil
  end
  local room = compiled.pools[class] * last
  return offer - (offer - worst) * chance(needy, room, math.max(1, room - counts.by_class[class]))
end

-- Whether the free places of a class are kept from a type for others without another class with room: there are at most
-- reserve * min(1 + sqrt(M), sqrt(8 * M * mine / (now - mine))), with M - 1 sessions of the others, and `mine` what the
-- type finds in its other classes. O(types), mostly O(1).
local function is_kept(fleet, kind, class)
  local free, reserve = types.free_of_class(fleet, class), compiled.reserve
  if free > reserve * (1 + math.sqrt(1 + fleet.sessions)) then
    return false
  end
  local known, likely, exists = compiled.types, 1, false
  for _, rival in ipairs(known.rivals[kind]) do
    if known.may_use[(rival - 1) * known.classes + class] and not besides(rival, class) then
      likely, exists = likely + counts.sessions[rival], true
    end
  end
  local mine = besides(kind, class)
  return mine and exists and free <= reserve * (1 + math.sqrt(likely))
    and free * free * (now[class] - mine) <= 8 * reserve * reserve * likely * mine
end

-- Of the classes of a type with an offer, the one with the best rank after `rank`; 0 for none. O(classes).
local function next_class(kind, rank)
  local set, ranks, found, best = compiled.types.sets[kind], view.frontier_ranks, 0, math.huge
  for at = 1, #set do
    local class = set[at]
    local own = ranks[class]
    if own > rank and own < best then
      found, best = class, own
    end
  end
  return found
end

-- The best class of a type, 0 if there is none, and its offer less its price; `kept`: reserves do not count.
local function best_of(fleet, kind, kept)
  local chosen, best, class = 0, 0, next_class(kind, 0)
  while class > 0 and (chosen == 0 or now[class] > best) do
    if kept or not is_kept(fleet, kind, class) then
      local score = priced(kind, class)
      if chosen == 0 or (score or now[class]) > best then
        chosen, best = class, score or now[class]
      end
      if not score then -- the others rank worse, and a price makes none better
        break
      end
    end
    class = next_class(kind, view.frontier_ranks[class])
  end
  return chosen, best
end

-- The class for a session of a type, 0 if none of its classes has room, and its offer less its price; `frontiers_of`
-- has the counts of JLMU. O(classes * classes * types), mostly O(classes * types).
function prices.choose(fleet, kind, frontiers_of)
  compiled, counts, view = fleet.tables_of, types.counts(fleet), frontiers_of
  local marginals, frontiers, ranks = compiled.marginals, view.frontiers, view.frontier_ranks
  for class = 1, #ranks do
    now[class] = ranks[class] < math.huge and marginals[class][frontiers[class]]
  end
  best_class[kind] = false
  for _, rival in ipairs(compiled.types.rivals[kind]) do
    best_class[rival] = false
  end
  local chosen, score = best_of(fleet, kind, false)
  if chosen == 0 then
    chosen, score = best_of(fleet, kind, true)
  end
  return chosen, score
end
