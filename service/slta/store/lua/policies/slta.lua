-- Self-Learning Threshold Assignment (paper section 3.2). `tokens.lua` maintains r and the tokens.

slta = tokens.declare({ 'green', 'yellow', 'none' })

-- The dispatching rule, from counts and r only; `slta.choose` does step 4, which counts pools below capacity.
--   1. uniform among the green tokens of classes other than i_{r-1}; if there are none,
--   2. uniform among the green tokens of class i_{r-1}; if there are none,
--   3. uniform among the yellow tokens; if there are none,
--   4. uniform among all pools, here all below capacity.
-- Returns token, class_index, and that the pool is the nth candidate of its class, from 0. O(classes).
local function choose_slta(green, yellow, yellow_class, previous_class, draw)
  local class_index, nth = choice.pick(green, previous_class, draw)
  if class_index then
    return 'green', class_index, nth
  elseif previous_class > 0 and green[previous_class] > 0 then
    return 'green', previous_class, math.floor(draw * green[previous_class])
  elseif yellow > 0 then
    return 'yellow', yellow_class, math.floor(draw * yellow)
  end
  return 'none'
end

-- O(classes + log pools), in step 4 O(classes * pools / 8).
function slta.choose(fleet, draw)
  local token, class_index, nth =
    choose_slta(fleet.green, fleet.yellow, fleet.estimate_class, fleet.previous_class, draw)
  if token == 'none' then
    class_index, nth = choice.pick(choice.room(fleet), 0, draw)
    return token, class_index, choice.select_with_room(fleet, class_index, nth)
  end
  return token, class_index, choice.select_with_token(fleet, token, class_index, nth)
end

-- r falls only with a green token of class i_{r-1}.
function slta.learning_step(fleet)
  return tokens.learning_step(fleet, fleet.rank > 1 and fleet.green[fleet.previous_class] > 0)
end
