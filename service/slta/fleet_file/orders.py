"""Orders of coordinates in the fleet file, by `kind`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slta.core import orders
from slta.core.limits import MAX_CAPACITY, MAX_POOLS
from slta.parsing.fields import Number, Part


class Paper(Part):
    """By marginal utility, ties by class and level."""

    kind: Literal["paper"]

    def order(self, _pools: int) -> orders.Order:
        """The order."""
        return orders.Paper()


class Kink(Part):
    """By marginal utility, ties between classes by the kinks behind them."""

    kind: Literal["kink"]

    def order(self, _pools: int) -> orders.Order:
        """The order."""
        return orders.Kink()


class Index(Part):
    """By the price of a session at a load.

    `pools` is the fleet's number of pools, if the classes have no `pools`.
    """

    kind: Literal["index"]
    load_per_pool: Annotated[Number, Field(gt=0, le=MAX_CAPACITY)]
    pools: Annotated[int, Field(strict=True, ge=1, le=MAX_POOLS)] | None = None

    def order(self, pools: int) -> orders.Order:
        """The order; `pools` is the total of `pools` of the file's classes. Raises ValueError."""
        if not (self.pools or pools):
            raise ValueError("requires order.pools, or pools of the classes: how many pools share the load")
        return orders.Index(float(self.load_per_pool) * (self.pools or pools))


Order = Annotated[Paper | Kink | Index, Field(discriminator="kind")]
