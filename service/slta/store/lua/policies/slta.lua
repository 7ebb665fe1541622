-- Self-Learning Threshold Assignment (paper section 3.2).

slta = {
  TOKENS = { 'green', 'yellow', 'none' }, has_thresholds = true,
  count = bits.count, step = bits.step, clear = bits.clear, on_change = bits.on_change, move_pool = bits.move_pool,
  rebuild = bits.rebuild, rank = bits.rank,
}

-- The last step of the rule: uniform among all pools below capacity, by sessions and number.
local function choose_any(fleet, draw, step, with_quiet)
  local room, capacities = occupancies.room(fleet, with_quiet), fleet.tables_of.capacities
  local class, nth = choice.pick(room, vectors.sum(room), 0, draw)
  return 'none', class, occupancies.select_below(fleet, class, capacities[class], nth, with_quiet), step
end

-- The rule: uniform among the green bits of classes other than i_{r-1}; else of those of i_{r-1}; else of the yellow
-- ones; else of all pools below capacity. r falls only with a green bit of class i_{r-1}. O(classes + log pools).
function slta.choose(fleet, draw, _, with_quiet)
  local green, total, yellow = bits.candidates(fleet, with_quiet)
  local counts = fleet.counts
  local previous = counts.previous
  local of_previous = previous > 0 and green[previous] or 0
  local step = bits.learning_step(fleet, total, yellow, counts.rank > 1 and of_previous > 0)
  local token, class, nth = 'green', choice.pick(green, total - of_previous, previous, draw)
  if not class and of_previous > 0 then
    class, nth = previous, math.floor(draw * of_previous)
  elseif not class and yellow > 0 then
    token, class, nth = 'yellow', counts.class, math.floor(draw * yellow)
  elseif not class then
    return choose_any(fleet, draw, step, with_quiet)
  end
  return token, class, bits.select_candidate(fleet, token, class, nth, with_quiet), step
end
