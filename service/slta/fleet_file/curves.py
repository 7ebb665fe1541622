"""Utility curves of the fleet file by `kind`, and the exact families of `core.utility` that they map to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field

from slta.core import utility as families
from slta.core.limits import MAX_ALPHA, MAX_CAPACITY
from slta.parsing.fields import Number, Part, Positive


class _Curve(Part, ABC):
    """Utility of the sessions of one pool."""

    @abstractmethod
    def utility(self) -> families.Utility:
        """The curve in exact arithmetic."""


class LogShare(_Curve):
    """`x log(r/x)`, r the resource of a pool."""

    kind: Literal["log_share"]
    resource: Positive

    def utility(self) -> families.Utility:
        return families.LogShareUtility(Fraction(self.resource))


class AlphaFair(_Curve):
    """`x g(r/x)`, g(y) = y^(1-alpha)/(1-alpha), or log y at alpha = 1."""

    kind: Literal["alpha_fair"]
    resource: Positive
    alpha: Annotated[Number, Field(ge=0, le=MAX_ALPHA)]

    def utility(self) -> families.Utility:
        return families.AlphaFairUtility(Fraction(self.resource), Fraction(self.alpha))


class Linear(_Curve):
    """`slope x`."""

    kind: Literal["linear"]
    slope: Number

    def utility(self) -> families.Utility:
        return families.LinearUtility(Fraction(self.slope))


class Quadratic(_Curve):
    """`linear x + quadratic x²`, quadratic ≤ 0."""

    kind: Literal["quadratic"]
    linear: Number
    quadratic: Number

    def utility(self) -> families.Utility:
        return families.QuadraticUtility(Fraction(self.linear), Fraction(self.quadratic))


class CappedLinear(_Curve):
    """`slope min(x, cap)`."""

    kind: Literal["capped_linear"]
    slope: Number
    cap: Annotated[Number, Field(ge=0)]

    def utility(self) -> families.Utility:
        return families.CappedLinearUtility(Fraction(self.slope), Fraction(self.cap))


class WeightedLeastConnections(_Curve):
    """`-x (x+1) / (2 weight)`: equivalent to weighted least connections."""

    kind: Literal["weighted_least_connections"]
    weight: Positive

    def utility(self) -> families.Utility:
        return families.WeightedLeastConnectionsUtility(Fraction(self.weight))


class Table(_Curve):
    """u(0) = 0, u(1), …, u(capacity) as given."""

    kind: Literal["table"]
    values: Annotated[list[Number], Field(min_length=2, max_length=MAX_CAPACITY + 1, fail_fast=True)]

    def utility(self) -> families.Utility:
        return families.TableUtility(tuple(map(Fraction, self.values)))


Curve = Annotated[
    LogShare | AlphaFair | Linear | Quadratic | CappedLinear | WeightedLeastConnections | Table,
    Field(discriminator="kind"),
]
