"""Schema of the fleet file: fields, limits, and conversion to a `FleetSpec`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from slta.core import orders
from slta.core.fleet import LEASE_SECONDS, RETENTION_SECONDS, FleetSpec
from slta.core.limits import MAX_CAPACITY, MAX_CLASSES, MAX_LEVELS, MAX_POOLS
from slta.core.policies import DEFAULT_POLICY, POLICIES, Policy
from slta.core.policies.tokens import EXPONENT, Beta
from slta.core.utility import PoolClass
from slta.fleet_file.curves import Curve, Table
from slta.fleet_file.orders import Order, Paper
from slta.models.errors import InvalidFleetError, Mistake
from slta.parsing.fields import (
    MAX_LEASE_SECONDS,
    MAX_RETENTION_SECONDS,
    NAME_PATTERN,
    Name,
    Number,
    Part,
    Unit,
    check_lease,
)
from slta.parsing.validation_errors import format_mistakes, mistake_at, mistakes_of


class ClassFile(Part):
    """Class of pools; with `pools: N` missing pools of `<name>-1` to `<name>-N` are created."""

    name: Name
    utility: Curve
    capacity: Annotated[int, Field(strict=True, ge=1, le=MAX_CAPACITY)]
    pools: Annotated[int, Field(strict=True, ge=0, le=MAX_POOLS)] = 0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.pools and not re.fullmatch(NAME_PATTERN, f"{self.name}-{self.pools}"):
            raise PydanticCustomError(
                "name_length", "name is too long: the pool ids `<name>-<number>` must have at most 128 characters"
            )
        if isinstance(self.utility, Table) and len(self.utility.values) != self.capacity + 1:
            raise PydanticCustomError(
                "table_length", "utility.values must have capacity + 1 values, u(0) to u(capacity)"
            )
        return self


class BetaFile(Part):
    """β_n: either `n^-exponent`, or `fixed` for every n."""

    exponent: Annotated[Number, Field(ge=0, le=1)] | None = None
    fixed: Annotated[Number, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.exponent is None) == (self.fixed is None):
            raise PydanticCustomError("beta", "must have either exponent or fixed")
        return self

    def beta(self) -> Beta:
        """β in exact numbers."""
        if self.fixed is not None:
            return Beta(exponent=None, fixed=Fraction(self.fixed))
        return Beta(exponent=Fraction(self.exponent or 0))


UNMEASURED = "kind {} does not support policy {}: use kind paper or kink, or policy jlmu"
DEFAULT_ORDER = Paper(kind="paper")
DEFAULT_BETA = BetaFile(exponent=Decimal(EXPONENT.numerator) / EXPONENT.denominator)


class FleetFile(Part):
    """Configuration of a fleet. The order of the classes breaks remaining ties."""

    fleet: Name | None = None
    policy: Name = DEFAULT_POLICY.name
    order: Order = Field(default_factory=lambda: DEFAULT_ORDER)  # an object as a default stops client generators
    beta: BetaFile = Field(default_factory=lambda: DEFAULT_BETA)
    lease_seconds: Annotated[Number, Field(ge=0, le=MAX_LEASE_SECONDS), AfterValidator(check_lease)] = Decimal(
        LEASE_SECONDS
    )
    retention_seconds: Annotated[Number, Field(ge=1, le=MAX_RETENTION_SECONDS)] = Decimal(RETENTION_SECONDS)
    utility_unit: Unit | None = None
    classes: Annotated[list[ClassFile], Field(min_length=1, max_length=MAX_CLASSES)]

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        names = [c.name for c in self.classes]
        if len(set(names)) < len(names):
            raise PydanticCustomError("class_names", "classes must have different names")
        if sum(c.capacity for c in self.classes) > MAX_LEVELS:
            raise PydanticCustomError("levels", f"the capacities of all classes must add up to at most {MAX_LEVELS}")
        if sum(c.pools for c in self.classes) > MAX_POOLS:
            raise PydanticCustomError("pools", f"the pools of all classes must add up to at most {MAX_POOLS}")
        return self

    @classmethod
    def read(cls, parsed: object) -> Self:
        """Validate parsed YAML or JSON whose fractions are `Decimal`; raises InvalidFleetError with all mistakes."""
        try:
            return cls.model_validate(parsed)
        except ValidationError as error:
            mistakes = mistakes_of(error.errors(include_url=False, include_input=False), _json_schema())
            raise InvalidFleetError(format_mistakes(mistakes), mistakes) from None

    def to_spec(self, policies: Mapping[str, Policy] = POLICIES) -> FleetSpec:
        """The fleet in exact numbers, its policy a row of `policies`.

        Raises InvalidFleetError with all mistakes: an unknown policy, and the first x at which a curve is not concave.
        """
        classes, mistakes = self._pool_classes()
        if self.policy not in policies:
            mistakes.insert(0, mistake_at(("policy",), f"must be one of {', '.join(policies)}"))
        order = self._order(policies.get(self.policy, DEFAULT_POLICY), mistakes)
        if mistakes:
            raise InvalidFleetError(format_mistakes(mistakes), mistakes)
        return FleetSpec(
            classes=tuple(classes),
            policy=policies[self.policy],
            beta=self.beta.beta(),
            lease_seconds=float(self.lease_seconds),
            retention_seconds=float(self.retention_seconds),
            order=order,
            utility_unit=self.utility_unit,
        )

    def _order(self, policy: Policy, mistakes: list[Mistake]) -> orders.Order:
        """The file's order; if it is invalid the default, and a mistake is appended to `mistakes`."""
        try:
            order = self.order.order(sum(c.pools for c in self.classes))
        except ValueError as error:
            mistakes.append(mistake_at(("order",), str(error)))
            return orders.PAPER
        if policy.has_thresholds and not order.by_marginal:
            mistakes.append(mistake_at(("order",), UNMEASURED.format(order.kind, policy.name)))
        return order

    def _pool_classes(self) -> tuple[list[PoolClass], list[Mistake]]:
        """The classes with valid curves, and the mistakes of the others."""
        classes, mistakes = [], []
        for i, entry in enumerate(self.classes):
            try:
                classes.append(PoolClass(entry.name, entry.utility.utility(), entry.capacity))
            except ValueError as error:
                mistakes.append(mistake_at(("classes", i, "utility"), str(error)))
        return classes, mistakes

    def wanted_pools(self) -> list[tuple[str, str]]:
        """`(pool_id, class name)` of the pools of `pools: N`."""
        return [(f"{c.name}-{k}", c.name) for c in self.classes for k in range(1, c.pools + 1)]

    def document(self) -> str:
        """Canonical JSON: all fields but the fleet's name, numbers as plain decimals.

        The default order and an absent unit are omitted, so that documents without them are unchanged.
        """
        left_out = {"fleet", "order"} if self.order == DEFAULT_ORDER else {"fleet"}
        return _to_json(self.model_dump(include=FleetFile.model_fields.keys() - left_out, exclude_none=True))


@cache
def _json_schema() -> Mapping[str, Any]:
    return FleetFile.model_json_schema()


def _to_json(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_to_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_to_json, value)) + "]"
    if isinstance(value, Decimal):
        plain = format(value or Decimal(), "f")
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    return json.dumps(value)


def parse_document(text: str) -> FleetFile:
    """Parse the output of `FleetFile.document`; raises InvalidFleetError."""
    return FleetFile.read(json.loads(text, parse_float=Decimal))
