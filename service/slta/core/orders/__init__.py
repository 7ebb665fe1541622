"""Dispatch orders of coordinates, by `order.kind` of the fleet file.

`PAPER` is the paper's, by marginal utility; `Kink` breaks its ties differently; `Index` ranks by another price. The
bound always uses marginal utility.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from slta.core.orders.index import Index
from slta.core.orders.kink import Kink
from slta.core.ranking import Ranking
from slta.core.utility import PoolClass

__all__ = ["PAPER", "Index", "Kink", "Order", "Paper"]


class Order(Protocol):
    """Order of coordinates, ascending by level within a class.

    `kind` is the name in the fleet file; `title` and `ties` describe its criterion and its tie-breaking for people.
    `by_marginal`: no coordinate precedes one of larger marginal utility, as threshold-learning policies require.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    ties: ClassVar[str]
    by_marginal: ClassVar[bool]

    def arrange(self, classes: Sequence[PoolClass], ranking: Ranking) -> Ranking:
        """Rank the coordinates of `classes`; `ranking` is the paper's order."""


@dataclass(frozen=True)
class Paper:
    """`{kind: paper}`, the default: larger marginal utility first, ties by class and level (section 2.3)."""

    kind: ClassVar[str] = "paper"
    title: ClassVar[str] = "marginal utility"
    ties: ClassVar[str] = "the class that stands first in the file is filled first"
    by_marginal: ClassVar[bool] = True

    def arrange(self, _classes: Sequence[PoolClass], ranking: Ranking) -> Ranking:
        """The paper's order."""
        return ranking


PAPER: Order = Paper()
"""Default order."""
