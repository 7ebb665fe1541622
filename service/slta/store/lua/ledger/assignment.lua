-- The optimal assignment of sessions of several types to classes, kept with each event
-- (service/slta/core/session_types/assignment.py): `type_flow` has the sessions of type t in class c at
-- (t - 1) * classes + c, `type_filled` those of all types by class, and `type_optimum` is U*(N_1 ... N_T, A).
--
-- A session more or less changes the number of sessions of one class; a chain of sessions that change their class leads
-- there: shortest augmenting paths, each type expanded once. All numbers are integers.
--
-- `type_next` and `type_last` have by class the marginal utility of its next place and of its last filled one, false if
-- there is none, nil if it has to be found: they follow from `type_filled` and are not stored.

assignment = {}

local came_from, came_by, queue, waiting = {}, {}, {}, {} -- of the present search

-- Forgets the marginal utilities.
function assignment.forget(fleet)
  fleet.type_next, fleet.type_last = {}, {}
end

local function find_worth(fleet, class_index, used)
  local pools, filled = fleet.pools[class_index], fleet.type_filled[class_index]
  if pools == 0 or used and filled == 0 then
    return false
  end
  local level = math.floor((used and filled - 1 or filled) / pools) + 1
  return level <= fleet.capacities[class_index] and (fleet.marginals[class_index * constants.MAX_LEVELS + level]
    or tables.number(fleet, 'marginals', class_index, level))
end

-- The marginal utility of the next place of a class (`used`: of its last filled one); false if there is none.
local function worth(fleet, class_index, used)
  local known = used and fleet.type_last or fleet.type_next
  if known[class_index] == nil then
    known[class_index] = find_worth(fleet, class_index, used)
  end
  return known[class_index]
end

-- Adds the classes of a type that are not in the queue to its end: those with pools, or, to remove a session (`used`),
-- those that its sessions are in. Returns the queue's length.
local function reach(fleet, kind, used, length, from)
  local set, row, flow, numbers = fleet.types.sets[kind], (kind - 1) * fleet.classes, fleet.type_flow, fleet.pools
  for at = 1, #set do
    local class_index = set[at]
    if came_from[class_index] == false and (used and flow[row + class_index] or numbers[class_index]) > 0 then
      length = length + 1
      queue[length], came_from[class_index], came_by[class_index] = class_index, from, kind
    end
  end
  return length
end

-- Lists all types but this one as waiting; returns their number.
local function wait(fleet, kind)
  local count = 0
  for other = 1, #fleet.types.sets do
    if other ~= kind then
      count = count + 1
      waiting[count] = other
    end
  end
  return count
end

-- Searches from the classes of a type; returns the number of classes in the queue. To add a session, sessions of a type
-- leave a class for any that they may use; to remove one (`used`), they come to a class that they may use from those
-- that they are in. Stops at a class that is worth `goal`, if given. O(classes * types).
local function search(fleet, kind, used, goal)
  local classes, flow, may_use = fleet.classes, fleet.type_flow, fleet.types.may_use
  for class_index = 1, classes do
    came_from[class_index] = false
  end
  local left, length, at = wait(fleet, kind), reach(fleet, kind, used, 0, 0), 0
  while at < length and left > 0 do
    at = at + 1
    local class_index, nth = queue[at], 1
    if goal and worth(fleet, class_index, used) == goal then
      return length
    end
    while nth <= left do
      local other = waiting[nth]
      local cell = (other - 1) * classes + class_index
      if used and may_use[cell] or not used and flow[cell] > 0 then
        waiting[nth], left = waiting[left], left - 1
        length = reach(fleet, other, used, length, class_index)
      else
        nth = nth + 1
      end
    end
  end
  return length
end

-- Of the classes in the queue the one with the best next place, or the worst filled one (`used`); 0 for none.
local function best_end(fleet, length, used)
  local found, best = 0, 0
  for at = 1, length do
    local here = worth(fleet, queue[at], used)
    if here and (found == 0 or (used and here < best or not used and here > best)) then
      found, best = queue[at], here
    end
  end
  return found
end

-- The largest number up to `most` that the chain to a class, and its level, take.
local function bottleneck(fleet, class_index, most)
  local count = math.min(most, fleet.pools[class_index] - fleet.type_filled[class_index] % fleet.pools[class_index])
  while came_from[class_index] > 0 do
    local nearer = came_from[class_index]
    count = math.min(count, fleet.type_flow[(came_by[class_index] - 1) * fleet.classes + nearer])
    class_index = nearer
  end
  return count
end

-- Adds `count` sessions of a type, whose fields the caller changes as well, negative to remove them, at the end of its
-- chain. Returns whether a class on the way has no sessions left of the type that has left it, so that the search is no
-- longer valid.
local function shift(fleet, kind, count, class_index)
  local flow, classes, has_emptied = fleet.type_flow, fleet.classes, false
  fleet.type_optimum = fleet.type_optimum + count * worth(fleet, class_index, count < 0)
  fleet.type_filled[class_index] = fleet.type_filled[class_index] + count
  fleet.type_next[class_index], fleet.type_last[class_index] = nil, nil
  type_block.touch(fleet)
  while came_from[class_index] > 0 do
    local nearer, other = came_from[class_index], came_by[class_index]
    local row = (other - 1) * classes
    flow[row + class_index], flow[row + nearer] = flow[row + class_index] + count, flow[row + nearer] - count
    type_block.touch(fleet, other)
    has_emptied, class_index = has_emptied or flow[row + nearer] == 0, nearer
  end
  local own = (kind - 1) * classes + class_index
  flow[own] = flow[own] + count
  return has_emptied
end

-- The class to which a session of a type can be added, or from which it can be removed (`used`), without a chain, if no
-- class is better; 0 for none. Also the marginal utility of the best class of all. O(classes).
local function direct(fleet, kind, used)
  local row, cells = (kind - 1) * fleet.classes, used and fleet.type_flow or fleet.types.may_use
  local known = used and fleet.type_last or fleet.type_next
  local found, best = 0, false
  for class_index = 1, fleet.classes do
    local here = known[class_index]
    if here == nil then
      here = worth(fleet, class_index, used)
    end
    if here and (not best or used and here < best or not used and here > best) then
      found, best = 0, here
    end
    local cell = cells[row + class_index]
    if here == best and here and found == 0 and cell and cell ~= 0 then
      found = class_index
    end
  end
  came_from[found] = 0
  return found, best
end

local function find_end(fleet, kind, used)
  local found, best = direct(fleet, kind, used)
  return found > 0 and found or best_end(fleet, search(fleet, kind, used, best), used)
end

-- Adds a session of a type that some class has room for. O(classes * types), mostly O(classes).
function assignment.add(fleet, kind)
  shift(fleet, kind, 1, find_end(fleet, kind, false))
end

-- Removes a session of a type. O(classes * types), mostly O(classes).
function assignment.remove(fleet, kind)
  shift(fleet, kind, -1, find_end(fleet, kind, true))
end

-- Adds sessions of a type. A search stays valid while the chains that are used leave sessions everywhere on their way.
local function add_all(fleet, kind, left)
  local length
  while left > 0 do
    length = length or search(fleet, kind, false)
    local found = best_end(fleet, length, false)
    local count = bottleneck(fleet, found, left)
    left = left - count
    if shift(fleet, kind, count, found) then
      length = nil
    end
  end
end

-- Assigns all sessions anew, `type_sessions` by type. O(levels * classes), and a search whenever a chain is used up.
function assignment.rebuild(fleet)
  type_block.touch_all(fleet)
  assignment.forget(fleet)
  fleet.type_optimum, fleet.type_filled = 0, vectors.zeros(fleet.classes)
  fleet.type_flow = vectors.zeros(#fleet.types.sets * fleet.classes)
  for kind, count in ipairs(fleet.type_sessions) do
    add_all(fleet, kind, count)
  end
end
