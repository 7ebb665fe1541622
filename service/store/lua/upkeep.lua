-- Periodic work on a fleet, about once a second. An error in one part makes the fleet suspect, and the other parts run:
-- leases end, and integrals are kept, also while a fleet waits for its repair.

upkeep = {}

local function work(fleet)
  for _, part in ipairs({ sessions.forget, early.forget, leases.reap, history.keep }) do
    local is_sound, message = pcall(part, fleet)
    if not is_sound then
      repair.suspect(fleet, message)
    end
  end
  state.write(fleet)
  return fleet.suspect == ''
end

-- Whether the fleet is sound, as far as can be told. O(sessions that end).
function upkeep.run(fleet)
  local is_written, is_sound = pcall(work, fleet)
  return is_written and is_sound
end
