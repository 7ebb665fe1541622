-- Prices of places (service/slta/core/session_types/prices.py): the class for a session that may use some classes only.
-- The class whose offer adds most, less what its last good places are worth to types that find less elsewhere; a class
-- that is kept from the type only if all are.
--
-- A fleet with session types has `types`: by type the classes that it may use, `sets`, and its `rivals`, the types that
-- may be needy beside it; `may_use[(t - 1) * classes + c]` is true if type t may use class c. Of the sessions on active
-- pools it has the numbers `type_sessions` by type, `held` by class, `type_held` by both, in such cells, and
-- `sessions`. The form of each sum, product and root is that of the specification: both give the same bits.

prices = {}

local TIE = 2 -- integer marginal utilities that differ by less are worth the same

-- Of the present choice: by class its offer and level, 0 without an offer, and by type the best two, once asked for.
local now, level_of, best_class, first, second = {}, {}, {}, {}, {}

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

local function marginal(fleet, class_index, level)
  return fleet.marginals[class_index * constants.MAX_LEVELS + level]
    or tables.number(fleet, 'marginals', class_index, level)
end

-- Finds the best two offers of a type's classes. O(classes).
local function find_alternatives(types, kind)
  local set, best, one, two = types.sets[kind], 0, false, false
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
local function besides(types, kind, class_index)
  if not best_class[kind] then
    find_alternatives(types, kind)
  end
  if best_class[kind] == class_index then
    return second[kind]
  end
  return first[kind]
end

-- The sessions of a type but those in another class whose last filled level, of its emptiest pool, is worth more than
-- `theirs`: these sit well and would not come. O(classes).
local function coming(fleet, kind, class_index, theirs)
  local set, row, left = fleet.types.sets[kind], (kind - 1) * fleet.classes, fleet.type_sessions[kind]
  for at = 1, #set do
    local other = set[at]
    local inside = fleet.type_held[row + other]
    if inside > 0 and other ~= class_index then
      local level = now[other] and math.max(1, level_of[other] - 1) or fleet.capacities[other]
      left = marginal(fleet, other, level) > theirs + TIE and left - inside or left
    end
  end
  return left
end

-- The sessions that would come of the types that find at least TIE less than `mine`, and the least that one finds;
-- `after` is what they find in the class once its places that are worth `mine` are taken. O(classes * types).
local function find_needy(fleet, kind, class_index, mine, after)
  local types, classes, needy, worst = fleet.types, fleet.classes, 0, math.huge
  local rivals = types.rivals[kind]
  for at = 1, #rivals do
    local rival = rivals[at]
    if types.may_use[(rival - 1) * classes + class_index] then
      local other = besides(types, rival, class_index)
      local theirs = other and other > after and other or after
      local left = theirs <= mine - TIE and coming(fleet, rival, class_index, theirs) or 0
      if left > 0 then
        needy, worst = needy + left, math.min(worst, theirs)
      end
    end
  end
  return needy, worst
end

-- The last level from `level` on that is worth more than `above`, else `level`. O(log levels), mostly O(1).
local function last_level(fleet, class_index, level, above)
  local capacity = fleet.capacities[class_index]
  if level == capacity or tables.number(fleet, 'marginals', class_index, level + 1) <= above then
    return level
  end
  return level + tables.highest(capacity - level, function(more)
    return tables.number(fleet, 'marginals', class_index, level + more) > above
  end)
end

-- The offer of a class less its price, nil if it has none. O(classes * types + log levels).
local function priced(fleet, kind, class_index, level)
  local mine = besides(fleet.types, kind, class_index)
  if not mine then
    return nil
  end
  local last, offer = last_level(fleet, class_index, level, mine - TIE), now[class_index]
  local is_full = last == fleet.capacities[class_index] -- a refused session adds nothing
  local after = is_full and 0 or tables.number(fleet, 'marginals', class_index, last + 1)
  local needy, worst = find_needy(fleet, kind, class_index, mine, after)
  if needy == 0 or worst >= offer then
    return nil
  end
  local room = fleet.pools[class_index] * last
  return offer - (offer - worst) * chance(needy, room, math.max(1, room - fleet.held[class_index]))
end

-- Whether the free places of a class are kept from a type for others without another class with room: there are at most
-- reserve * min(1 + sqrt(M), sqrt(8 * M * mine / (now - mine))), with M - 1 sessions of the others, and `mine` what the
-- type finds in its other classes. O(types), mostly O(1).
local function is_kept(fleet, kind, class_index)
  local free = fleet.pools[class_index] * fleet.capacities[class_index] - fleet.held[class_index]
  if free > fleet.reserve * (1 + math.sqrt(1 + fleet.sessions)) then
    return false
  end
  local types, rivals, likely, exists = fleet.types, fleet.types.rivals[kind], 1, false
  for at = 1, #rivals do
    local rival = rivals[at]
    if types.may_use[(rival - 1) * fleet.classes + class_index] and not besides(types, rival, class_index) then
      likely, exists = likely + fleet.type_sessions[rival], true
    end
  end
  local mine = besides(types, kind, class_index)
  return mine and exists and free <= fleet.reserve * (1 + math.sqrt(likely))
    and free * free * (now[class_index] - mine) <= 8 * fleet.reserve * fleet.reserve * likely * mine
end

-- Of the classes of a type with an offer, the one with the best rank after `rank`; 0 for none. O(classes).
local function next_class(types, kind, ranks, rank)
  local set, found = types.sets[kind], 0
  for at = 1, #set do
    local class_index = set[at]
    if now[class_index] and ranks[class_index] > rank and (found == 0 or ranks[class_index] < ranks[found]) then
      found = class_index
    end
  end
  return found
end

-- The best class of a type, 0 if there is none, and its offer less its price; `kept`: reserves do not count.
local function best_of(fleet, kind, levels, ranks, kept)
  local chosen, best, class_index = 0, 0, next_class(fleet.types, kind, ranks, 0)
  while class_index > 0 and (chosen == 0 or now[class_index] > best) do
    if kept or not is_kept(fleet, kind, class_index) then
      local score = priced(fleet, kind, class_index, levels[class_index])
      if chosen == 0 or (score or now[class_index]) > best then
        chosen, best = class_index, score or now[class_index]
      end
      if not score then -- the others rank worse, and a price makes none better
        break
      end
    end
    class_index = next_class(fleet.types, kind, ranks, ranks[class_index])
  end
  return chosen, best
end

-- The class for a session of type `kind`, 0 if none of its classes has room. A class with a positive count offers its
-- level of `levels`, at its rank of `ranks`. O(classes * classes * types), mostly O(classes * types).
function prices.choose(fleet, kind, counts, levels, ranks)
  local rivals = fleet.types.rivals[kind]
  level_of = levels
  for class_index = 1, #counts do
    now[class_index] = counts[class_index] > 0 and marginal(fleet, class_index, levels[class_index])
  end
  best_class[kind] = false
  for at = 1, #rivals do
    best_class[rivals[at]] = false
  end
  local chosen, best = best_of(fleet, kind, levels, ranks, false)
  if chosen == 0 then
    return best_of(fleet, kind, levels, ranks, true)
  end
  return chosen, best
end
