"""Schema of the fleet file: fields, limits, and conversion to a `FleetSpec`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from slta.core import orders
from slta.core.fleet import FORGET_SECONDS, GONE_SECONDS, LEASE_SECONDS, RETENTION_SECONDS, FleetSpec
from slta.core.limits import MAX_CAPACITY, MAX_CLASSES, MAX_LEVELS, MAX_POOLS
from slta.core.policies import DEFAULT_POLICY, POLICIES, Policy
from slta.core.policies.tokens import EXPONENT, Beta
from slta.core.utility import PoolClass
from slta.fleet_file.curves import Curve, Table
from slta.fleet_file.orders import Order, Paper
from slta.models import UNCHANGED, PoolSpec
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
from slta.parsing.pool_attributes import ADDRESS_PATTERN, Address, Labels
from slta.parsing.strict_json import canonical
from slta.parsing.validation_errors import format_mistakes, mistake_at, mistakes_of


class PoolFile(Part):
    """Pool of a class. An absent attribute of a present pool is kept."""

    id: Name
    address: Address | None = None
    labels: Labels | None = None


PoolsFile = Annotated[
    Annotated[int, Field(strict=True, ge=0, le=MAX_POOLS), Tag("number")]
    | Annotated[list[PoolFile], Field(max_length=MAX_POOLS), Tag("list")],
    Discriminator(lambda pools: "list" if isinstance(pools, list) else "number"),
]
"""Number of pools, or the pools themselves."""


class ClassFile(Part):
    """Class of pools, of which missing ones are created: those of a list, or `<name>-1` to `<name>-N` of `pools: N`.

    `address` is a template for the latter, in which `{n}` stands for the number.
    """

    name: Name
    utility: Curve
    capacity: Annotated[int, Field(strict=True, ge=1, le=MAX_CAPACITY)]
    pools: PoolsFile = Field(default_factory=lambda: 0)  # a default of one of several types stops client generators
    address: Address | None = None

    @property
    def pool_count(self) -> int:
        """Number of pools."""
        return self.pools if isinstance(self.pools, int) else len(self.pools)

    def wanted_pools(self) -> list[PoolSpec]:
        """Pools of the class with the attributes that the file sets."""
        if isinstance(self.pools, int):
            numbers = range(1, self.pools + 1)
            return [_spec(f"{self.name}-{n}", self.name, self._address(n)) for n in numbers]
        return [_spec(pool.id, self.name, pool.address, pool.labels) for pool in self.pools]

    def _address(self, number: int) -> str | None:
        return self.address and self.address.replace("{n}", str(number))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if isinstance(self.pools, int) and not re.fullmatch(NAME_PATTERN, f"{self.name}-{self.pools}"):
            raise PydanticCustomError(
                "name_length", "name is too long: the pool ids `<name>-<number>` must have at most 128 characters"
            )
        self._check_address()
        if isinstance(self.utility, Table) and len(self.utility.values) != self.capacity + 1:
            raise PydanticCustomError(
                "table_length", "utility.values must have capacity + 1 values, u(0) to u(capacity)"
            )
        return self

    def _check_address(self) -> None:
        if self.address is None:
            return
        if not isinstance(self.pools, int):
            raise PydanticCustomError("address", "address is for pools: N; give each pool of a list its own")
        if "{n}" not in self.address:
            raise PydanticCustomError("address", "address must contain {n}, the number of the pool")
        if not re.fullmatch(ADDRESS_PATTERN, self._address(self.pools) or ""):
            raise PydanticCustomError("address", "address has more than 255 bytes with the number of a pool")


def _spec(pool_id: str, pool_class: str, address: str | None, labels: Mapping[str, str] | None = None) -> PoolSpec:
    return PoolSpec(
        pool_id, pool_class, UNCHANGED if address is None else address, UNCHANGED if labels is None else labels
    )


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
LATER_FIELDS: Mapping[str, object] = {
    "order": DEFAULT_ORDER,
    "gone_seconds": Decimal(GONE_SECONDS),
    "forget_seconds": Decimal(FORGET_SECONDS),
}
"""Fields that a document omits at their defaults."""
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
    gone_seconds: Annotated[Number, Field(ge=1, le=MAX_RETENTION_SECONDS)] = Decimal(GONE_SECONDS)
    forget_seconds: Annotated[Number, Field(ge=0, le=MAX_LEASE_SECONDS)] = Decimal(FORGET_SECONDS)
    utility_unit: Unit | None = None
    classes: Annotated[list[ClassFile], Field(min_length=1, max_length=MAX_CLASSES)]

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        names = [c.name for c in self.classes]
        if len(set(names)) < len(names):
            raise PydanticCustomError("class_names", "classes must have different names")
        if sum(c.capacity for c in self.classes) > MAX_LEVELS:
            raise PydanticCustomError("levels", f"the capacities of all classes must add up to at most {MAX_LEVELS}")
        if sum(c.pool_count for c in self.classes) > MAX_POOLS:
            raise PydanticCustomError("pools", f"the pools of all classes must add up to at most {MAX_POOLS}")
        ids = [pool.id for c in self.classes if not isinstance(c.pools, int) for pool in c.pools]
        if len(set(ids)) < len(ids):
            raise PydanticCustomError("pool_ids", "pools must have different ids")
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
            gone_seconds=float(self.gone_seconds),
            forget_seconds=float(self.forget_seconds),
            utility_unit=self.utility_unit,
        )

    def _order(self, policy: Policy, mistakes: list[Mistake]) -> orders.Order:
        """The file's order; if it is invalid the default, and a mistake is appended to `mistakes`."""
        try:
            order = self.order.order(sum(c.pool_count for c in self.classes))
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

    def wanted_pools(self) -> list[PoolSpec]:
        """Pools of all classes with the attributes that the file sets."""
        return [pool for c in self.classes for pool in c.wanted_pools()]

    def document(self) -> str:
        """Canonical JSON: all fields but the fleet's name, numbers as plain decimals.

        Some defaults and an absent unit are omitted, so that documents without them are unchanged.
        """
        left_out = {"fleet", *(name for name in LATER_FIELDS if getattr(self, name) == LATER_FIELDS[name])}
        return canonical(self.model_dump(include=FleetFile.model_fields.keys() - left_out, exclude_none=True))


@cache
def _json_schema() -> Mapping[str, Any]:
    return FleetFile.model_json_schema()


def parse_document(text: str) -> FleetFile:
    """Parse the output of `FleetFile.document`; raises InvalidFleetError."""
    return FleetFile.read(json.loads(text, parse_float=Decimal))
