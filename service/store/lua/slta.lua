-- Self-Learning Threshold Assignment (paper section 3.2). `tokens.lua` keeps r and the tokens.

slta = {
  TOKENS = { 'green', 'yellow', 'none' },
  CLASS_ROWS = tokens.CLASS_ROWS,
  FLEET_ROWS = tokens.FLEET_ROWS,
  NUMBERS = tokens.NUMBERS,
  VECTORS = tokens.VECTORS,
  learn = tokens.learn,
  rose = tokens.rose,
  fell = tokens.fell,
  rebuild = tokens.rebuild,
  reported_rank = tokens.reported_rank,
  rows = tokens.rows,
  check = tokens.check,
}

-- The dispatching rule, from counts and r only; `room()` counts pools that have room and is asked in step 4 only.
--   1. uniform among the green tokens of classes other than i_{r-1}; if there are none,
--   2. uniform among the green tokens of class i_{r-1}; if there are none,
--   3. uniform among the yellow tokens; if there are none,
--   4. uniform among all pools, here all that have room.
-- Token, class position and the pool's number among those of its class. O(classes) in steps 1 to 3.
local function choose_slta(green, yellow, yellow_class, previous_class, room, draw)
  local position, index = choice.pick(green, previous_class, draw)
  if position then
    return 'green', position, index
  elseif previous_class > 0 and green[previous_class] > 0 then
    return 'green', previous_class, math.floor(draw * green[previous_class])
  elseif yellow > 0 then
    return 'yellow', yellow_class, math.floor(draw * yellow)
  end
  return 'none', choice.pick(room(), 0, draw)
end

-- O(classes + log pools), in step 4 O(classes * pools / 8).
function slta.choose(fleet, draw)
  local token, position, index =
    choose_slta(fleet.green, fleet.yellow, fleet.estimate_class, fleet.previous_class, function()
      return choice.room(fleet)
    end, draw)
  if token == 'none' then
    return token, position, choice.bit_with_room(fleet, position, index)
  end
  return token, position, choice.bit_with_token(fleet, token, position, index)
end

-- Which way r will move, judged on the state just before the arrival: -1, 0 or 1.
function slta.judge(fleet)
  local green = vectors.sum(fleet.green)
  if fleet.rank > 1 and green >= fleet.min_green and fleet.green[fleet.previous_class] > 0 then
    return -1
  elseif fleet.rank < fleet.last_rank and green == 0 and fleet.yellow <= 1 then
    return 1
  end
  return 0
end
