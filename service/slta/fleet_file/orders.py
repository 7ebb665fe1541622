"""Orders of coordinates in the fleet file, by `kind`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slta.core import orders
from slta.core.limits import MAX_CAPACITY, MAX_POOLS
from slta.parsing.fields import Number, Part


class Paper(Part):
    """By marginal utility, ties by class, as listed: the default."""

    kind: Literal["paper"]

    def order(self, _pools: int) -> orders.Order:
        """The order."""
        return orders.Paper()


class Kink(Part):
    """By marginal utility, ties by kink: for classes with equal marginal utilities."""

    kind: Literal["kink"]

    def order(self, _pools: int) -> orders.Order:
        """The order."""
        return orders.Kink()


class Index(Part):
    """By the value of one more session at this load, also as a reserve for departures.

    For up to some 20 pools of curves with kinks, under `jlmu` only. `load_per_pool` is usually 1 to 1.5 times the mean,
    `pools` the number of pools, by default the sum of the classes.
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
