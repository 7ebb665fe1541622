-- The uniform choice of a pool from counts by class.

choice = {}

-- Chooses the pool floor(draw * total) of `total` candidates, numbered class by class without class `excluded` (0 for
-- none): its class, and that it is the nth candidate of it, from 0. Nil without candidates. O(classes).
function choice.pick(counts, total, excluded, draw)
  local nth = math.floor(draw * total)
  for class = 1, total > 0 and #counts or 0 do
    if class ~= excluded then
      local count = counts[class]
      if nth < count then
        return class, nth
      end
      nth = nth - count
    end
  end
end
