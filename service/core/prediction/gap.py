"""The ranks added up: what JLMU loses to the best placement in the mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from math import fsum

from service.core.prediction.departures import Beyond
from service.core.prediction.mismatch import Mismatch, far_below, near, reach_of, window_at
from service.core.ranking import Ranking

MOST_STEPS = 12_000_000
"""States of all ranks, at most, for one gap; of these 0.3 to 1.2 µs each, for most need not be looked at."""
TOLERANCE = 1e-9
"""Marginal utilities that compare as equal may differ by so much as floats, relative to the largest."""
NEGLIGIBLE = 1e-12
"""Holes at a rank or better, in the mean: there are no more at any better rank."""


class NotByMarginal(ValueError):
    """The order is not one by marginal utility, which the prediction needs."""


class TooLarge(ValueError):
    """The gap would take more than the steps that were allowed."""


def expected_placement_gap(
    ranking: Ranking, pools: Sequence[int], sessions: float, most_steps: int = MOST_STEPS
) -> float:
    """⟨U*(N) − U⟩ per pool under JLMU, for Poisson arrivals and exponential holding times.

    `ranking` is the order of dispatch: largest marginal first, ties in any order. `pools[i]` is A(i), `sessions` the
    mean number of sessions. 0 without pools or sessions. NotByMarginal, TooLarge.
    """
    present = ranking.restricted_to([i for i, count in enumerate(pools) if count])
    if not sessions or not len(present):
        return 0.0
    drops = _drops(present)
    slots = slots_of(present, pools)
    if steps_of(slots, sessions) > most_steps:
        raise TooLarge
    total = fsum(drops[rank] * mean for rank, mean in _mismatches(present, pools, slots, sessions))
    return total / sum(pools)


def slots_of(ranking: Ranking, pools: Sequence[int]) -> list[int]:
    """C_k, the sessions that fit at rank k or better, for k from 0."""
    return list(accumulate((pools[c.pool_class] for c in ranking.order), initial=0))


def steps_of(slots: Sequence[int], sessions: float) -> int:
    """How many states of how many ranks the prediction looks at."""
    return sum(
        window_at(count, slots[-1] - count, sessions).steps
        for count in slots
        if abs(count - sessions) <= reach_of(sessions)
    )


def _drops(ranking: Ranking) -> list[float]:
    """Δ_k − Δ_{k+1} at index k."""
    marginals = [ranking.marginal_at(rank) for rank in range(1, len(ranking) + 1)]
    drops = [better - worse for better, worse in pairwise(marginals)]
    if min(drops, default=0.0) < -TOLERANCE * max(map(abs, marginals)):
        raise NotByMarginal
    return [0.0, *drops]


def _mismatches(
    ranking: Ranking, pools: Sequence[int], slots: Sequence[int], load: float
) -> Iterator[tuple[int, float]]:
    """Each rank whose mean of min(H, E) is not 0, from the worst, with this mean."""
    beyond = Beyond()
    for rank in range(len(ranking) - 1, 0, -1):
        worse = ranking.coordinate(rank + 1)
        beyond.include(worse, rank + 1, pools[worse.pool_class], slots[rank])
        if slots[rank] > load + reach_of(load):
            continue
        found = _mismatch(beyond, slots[rank], slots[-1], load)
        if found.mean < NEGLIGIBLE and slots[rank] < load - reach_of(load):
            return
        beyond.solved(rank, found)
        yield rank, found.mean


def _mismatch(beyond: Beyond, slots: int, all_slots: int, load: float) -> Mismatch:
    if slots < load - reach_of(load):
        total = int(load)
        return far_below(total, beyond.rate(total - slots, total), load)
    window = window_at(slots, all_slots - slots, load)
    return near(window, beyond.departures(window), load)
