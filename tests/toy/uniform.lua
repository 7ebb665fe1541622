-- A toy: any pool with room, uniformly. It keeps no rows; one number shows how fields of a later layout come and go.

uniform = {
  TOKENS = { 'any' },
  CLASS_ROWS = {},
  FLEET_ROWS = {},
  NUMBERS = { 'uniform_placements' },
  VECTORS = {},
}

-- O(classes * pools / 8).
function uniform.choose(fleet, draw)
  local position, index = choice.pick(choice.room(fleet), 0, draw)
  return 'any', position, choice.bit_with_room(fleet, position, index)
end

function uniform.rose(fleet)
  fleet.uniform_placements = fleet.uniform_placements + 1
end
