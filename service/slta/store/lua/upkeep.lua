-- Upkeep: a fleet's periodic work, about once per second. An error in one part marks the fleet suspect and the other
-- parts still run, so that leases end and the history grows while a fleet waits for its repair.

upkeep = {}

local function work(fleet)
  cold.load(fleet, 'suspect')
  for _, part in ipairs({ sessions.rotate_ended, tombstones.drop_expired, leases.reap, history.append }) do
    local ok, message = pcall(part, fleet)
    if not ok then
      repair.mark_suspect(fleet, message)
    end
  end
  state.write(fleet)
  return fleet.suspect == ''
end

-- Runs it; returns false if the fleet is suspect or could not be written. O(sessions that end).
function upkeep.run(fleet)
  local is_written, ok = pcall(work, fleet)
  return is_written and ok
end
