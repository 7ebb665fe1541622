"""The orders of coordinates that a fleet file may name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from service.core import orders
from service.core.limits import MAX_CAPACITY, MAX_POOLS
from service.reading.fields import Number, Part


class _Order(Part, ABC):
    """How coordinates are ranked."""

    @abstractmethod
    def order(self, pools: int) -> orders.Order:
        """The order; the classes of the file ask for so many `pools`. ValueError."""


class Paper(_Order):
    """By marginal utility, ties by class and level."""

    kind: Literal["paper"]

    def order(self, pools: int) -> orders.Order:  # noqa: ARG002 - they do not matter
        return orders.Paper()


class Kink(_Order):
    """By marginal utility, ties between classes by the kinks behind them."""

    kind: Literal["kink"]

    def order(self, pools: int) -> orders.Order:  # noqa: ARG002 - they do not matter
        return orders.Kink()


class Index(_Order):
    """By the price of a session at a load.

    `load` is in sessions per pool. `pools` are those of the fleet, where the classes ask for none.
    """

    kind: Literal["index"]
    load: Annotated[Number, Field(gt=0, le=MAX_CAPACITY)]
    pools: Annotated[int, Field(strict=True, ge=1, le=MAX_POOLS)] | None = None

    def order(self, pools: int) -> orders.Order:
        if not (self.pools or pools):
            raise ValueError("must say how many pools share the load: order.pools, or pools of the classes")
        return orders.Index(float(self.load) * (self.pools or pools))


Order = Annotated[Paper | Kink | Index, Field(discriminator="kind")]
