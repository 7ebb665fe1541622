"""Utility curves of the fleet file by `kind`, and the exact families of `core.utility` that they map to."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from slta.core import utility as families
from slta.core.limits import MAX_ALPHA, MAX_CAPACITY
from slta.parsing.fields import Number, Part, Positive


class _Curve(Part):
    """Utility of the sessions of one pool: a `family`, whose arguments are named as the fields besides `kind`."""

    family: ClassVar[Callable[..., families.Utility]]

    def utility(self) -> families.Utility:
        """The curve in exact arithmetic."""
        return self.family(**{name: Fraction(value) for name, value in self if name != "kind"})


class LogShare(_Curve):
    """`x log(r/x)`: equal shares of the resource r of a pool, valued by their logarithm."""

    family: ClassVar = families.LogShareUtility
    kind: Literal["log_share"]
    resource: Positive


class AlphaFair(_Curve):
    """`x g(r/x)`, g(y) = y^(1-alpha)/(1-alpha), or log y at alpha = 1: a larger alpha penalises small shares more."""

    family: ClassVar = families.AlphaFairUtility
    kind: Literal["alpha_fair"]
    resource: Positive
    alpha: Annotated[Number, Field(ge=0, le=MAX_ALPHA)]


class Linear(_Curve):
    """`slope x`: sessions that do not disturb each other."""

    family: ClassVar = families.LinearUtility
    kind: Literal["linear"]
    slope: Number


class Quadratic(_Curve):
    """`linear x + quadratic x²`, quadratic ≤ 0: each session takes a little from the others."""

    family: ClassVar = families.QuadraticUtility
    kind: Literal["quadratic"]
    linear: Number
    quadratic: Number


class CappedLinear(_Curve):
    """`slope min(x, cap)`, slope ≥ 0: a pool that saturates at cap sessions."""

    family: ClassVar = families.CappedLinearUtility
    kind: Literal["capped_linear"]
    slope: Number
    cap: Annotated[Number, Field(ge=0)]


class WeightedLeastConnections(_Curve):
    """`-x (x+1) / (2 weight)`: your present weights, as a start."""

    family: ClassVar = families.WeightedLeastConnectionsUtility
    kind: Literal["weighted_least_connections"]
    weight: Positive


class Table(_Curve):
    """u(0) = 0, u(1), …, u(capacity) as given: measured values."""

    family: ClassVar = families.TableUtility
    kind: Literal["table"]
    values: Annotated[list[Number], Field(min_length=2, max_length=MAX_CAPACITY + 1, fail_fast=True)]

    def utility(self) -> families.Utility:
        return self.family(tuple(map(Fraction, self.values)))


Curve = Annotated[
    LogShare | AlphaFair | Linear | Quadratic | CappedLinear | WeightedLeastConnections | Table,
    Field(discriminator="kind"),
]
