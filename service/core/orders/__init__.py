"""The orders in which a fleet may dispatch to its coordinates: what `order` in the fleet file names.

`PAPER` is the paper's, by marginal utility; `Kink` settles its ties otherwise; `Index` ranks by another price. The
bound is filled by marginal utility under each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from service.core.orders.index import Index
from service.core.orders.kink import Kink
from service.core.orders.paper import Paper
from service.core.ranking import Ranking
from service.core.utility import PoolClass

__all__ = ["PAPER", "Index", "Kink", "Order", "Paper"]


class Order(Protocol):
    """An order of coordinates. Within a class it is that of the levels.

    `kind` is what a fleet file says; `title` and `ties` are for people: by what it ranks, and what it does with places
    of equal marginal utility. `by_marginal` tells whether no coordinate comes before one of a larger marginal
    utility; only such an order is for the policies that learn thresholds.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    ties: ClassVar[str]
    by_marginal: ClassVar[bool]

    def arrange(self, classes: Sequence[PoolClass], ranking: Ranking) -> Ranking:
        """The coordinates of `classes` in this order; `ranking` is the paper's order of them."""


PAPER: Order = Paper()
"""The default."""
