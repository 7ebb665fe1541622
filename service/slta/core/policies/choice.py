"""Uniform choice among pools counted by class, and the resulting decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

NOTHING = -1
"""No class. In a `Choice`: no pool has room. As the excluded class: exclude none."""


class Choice(NamedTuple):
    """The `index`-th (from 0) of the pools of class `pool_class` with the token `token`."""

    token: int
    pool_class: int
    index: int  # type: ignore[assignment] # hides tuple.index, which is unused


@dataclass(frozen=True, slots=True)
class Decision:
    """Assignment of a session: token name, class, the pool's index in its class, and the new r (0 under JLMU)."""

    token: str
    pool_class: int
    pool: int
    rank: int


def best(counts: Sequence[int], ranks: Sequence[int]) -> int:
    """The class with pools whose rank is best; NOTHING without pools. `counts[i]` and `ranks[i]` are those of class i.

    >>> best([3, 0, 5], ranks=[4, 1, 2])  # class 1 has no pools
    2
    """
    found = NOTHING
    for i in range(len(counts)):
        if counts[i] > 0 and (found == NOTHING or ranks[i] < ranks[found]):
            found = i
    return found


def pick(counts: Sequence[int], excluded: int, draw: float) -> tuple[int, int]:
    """Choose uniformly among pools counted by class: (class, index) of number ⌊draw · total⌋, `draw` in [0, 1).

    The pools are numbered class by class, without those of class `excluded`. (NOTHING, 0) without pools.

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
