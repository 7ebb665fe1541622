-- The toy policy of the tests: any pool with room, uniformly. It has no rows and one number of its own.

uniform = {
  TOKENS = { 'any' },
  CLASS_ROWS = {},
  FLEET_ROWS = {},
  NUMBERS = { 'uniform_placements' },
  VECTORS = {},
}

-- O(classes * pools / 8).
function uniform.choose(fleet, draw)
  local class_index, nth = choice.pick(choice.room(fleet), 0, draw)
  return 'any', class_index, choice.select_with_room(fleet, class_index, nth)
end

function uniform.on_change(fleet, _, _, _, change)
  fleet.uniform_placements = fleet.uniform_placements + math.max(0, change)
end
