"""The uniform choice among pools that are counted by class, and the decision that comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

NOTHING = -1
"""No class. In a `Choice`: no pool has room. As the class to exclude: exclude nothing."""


class Choice(NamedTuple):
    """The `index`-th (from 0) of the pools of class `pool_class` that hold what `token` names."""

    token: int
    pool_class: int
    index: int  # type: ignore[assignment] # hides tuple.index, which nobody asks a choice for


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a session went: token name, class, the pool's place in its class, and r afterwards (0 under JLMU)."""

    token: str
    pool_class: int
    pool: int
    rank: int


def pick(counts: Sequence[int], excluded: int, draw: float) -> tuple[int, int]:
    """A uniform choice among pools counted by class, as (class, index): number ⌊draw · total⌋, `draw` in [0, 1).

    The pools are numbered class by class, without those of class `excluded`. (NOTHING, 0) where there are none.

    >>> pick([2, 0, 3], NOTHING, 0.5)  # number 2 of 5: the first pool of class 2
    (2, 0)
    """
    total = 0
    for i in range(len(counts)):
        if i != excluded:
            total += counts[i]
    index = int(draw * total)
    for i in range(len(counts)):
        if i != excluded:
            if index < counts[i]:
                return i, index
            index -= counts[i]
    return NOTHING, 0
