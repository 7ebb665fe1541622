"""Expected placement gap of JLMU: the sum over ranks of the mean mismatch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from math import fsum

from slta.core.ranking import Ranking
from slta_planning.expected_gap.departures import Beyond
from slta_planning.expected_gap.mismatch import Mismatch, far_below, near, reach_of, window_at

MAX_STEPS = 12_000_000
"""Maximum states of all ranks for one gap; 0.3 to 1.2 µs each, as most are skipped."""
TOLERANCE = 1e-9
"""Float tolerance of equal marginal utilities, relative to the largest."""
NEGLIGIBLE = 1e-12
"""Mean mismatch below which better ranks are skipped: they have no more holes."""


class NotByMarginalError(ValueError):
    """The order is not by marginal utility, as the prediction requires."""


class TooLargeError(ValueError):
    """The computation would exceed the maximum number of steps."""


def expected_placement_gap(
    ranking: Ranking, pools: Sequence[int], sessions: float, most_steps: int = MAX_STEPS
) -> float:
    """⟨U*(N) − U⟩ per pool under JLMU, for Poisson arrivals and exponential holding times.

    `ranking` is the dispatch order: largest marginal first, ties in any order. `pools[i]` is A(i), `sessions` the
    offered load: the mean number of sessions if none were refused. 0 without pools or sessions. Raises
    NotByMarginalError, TooLargeError.
    """
    present = ranking.restricted_to([i for i, count in enumerate(pools) if count])
    if not sessions or not len(present):
        return 0.0
    drops = _drops(present)
    slots = slots_of(present, pools)
    if steps_of(slots, sessions) > most_steps:
        raise TooLargeError
    total = fsum(drops[rank] * mean for rank, mean in _mismatches(present, pools, slots, sessions))
    return total / sum(pools)


def slots_of(ranking: Ranking, pools: Sequence[int]) -> list[int]:
    """C_k, the slots at rank k or better, for k from 0."""
    return list(accumulate((pools[c.pool_class] for c in ranking.order), initial=0))


def steps_of(slots: Sequence[int], sessions: float) -> int:
    """Number of states over all ranks that the prediction visits."""
    around = min(sessions, slots[-1])
    return sum(
        window_at(count, slots[-1] - count, around).steps for count in slots if abs(count - around) <= reach_of(around)
    )


def _drops(ranking: Ranking) -> list[float]:
    """Δ_k − Δ_{k+1} at index k."""
    marginals = [ranking.marginal_at(rank) for rank in range(1, len(ranking) + 1)]
    drops = [better - worse for better, worse in pairwise(marginals)]
    if min(drops, default=0.0) < -TOLERANCE * max(map(abs, marginals)):
        raise NotByMarginalError
    return [0.0, *drops]


def _mismatches(
    ranking: Ranking, pools: Sequence[int], slots: Sequence[int], load: float
) -> Iterator[tuple[int, float]]:
    """Ranks with a non-zero mean of min(H, E), from the worst, and this mean."""
    beyond, around = Beyond(), min(load, slots[-1])
    for rank in range(len(ranking) - 1, 0, -1):
        worse = ranking.coordinate(rank + 1)
        beyond.include(worse, rank + 1, pools[worse.pool_class], slots[rank])
        if slots[rank] > around + reach_of(around):
            continue
        found = _mismatch(beyond, slots[rank], slots[-1], load)
        if found.mean < NEGLIGIBLE and slots[rank] < around - reach_of(around):
            return
        beyond.solved(rank, found)
        yield rank, found.mean


def _mismatch(beyond: Beyond, slots: int, all_slots: int, load: float) -> Mismatch:
    around = min(load, all_slots)  # a load above the capacity fills it
    if slots < around - reach_of(around):
        total = int(around)
        return far_below(total, beyond.rate(total - slots, total), load)
    window = window_at(slots, all_slots - slots, around)
    return near(window, beyond.departures(window), load)
