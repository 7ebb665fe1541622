"""Schema of the fleet file: fields, limits, and conversion to a `FleetSpec`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from slta.core import orders
from slta.core.fleet import (
    FORGET_SECONDS,
    GONE_SECONDS,
    LEASE_SECONDS,
    RESERVE,
    RETENTION_SECONDS,
    FleetSpec,
    Quality,
    priority_conflicts,
    type_conflicts,
)
from slta.core.limits import MAX_CLASSES, MAX_LEVELS, MAX_POOLS, MAX_RESERVE, MAX_RESERVE_FOR_PRIORITY
from slta.core.policies import DEFAULT_POLICY, POLICIES, Policy
from slta.core.policies.auto import AUTO, recommended
from slta.core.policies.tokens import EXPONENT, Beta
from slta.core.utility import PoolClass
from slta.fleet_file.orders import Order, Paper
from slta.fleet_file.pool_classes import ClassFile
from slta.fleet_file.scale import ScaleFile, misplaced_floor
from slta.fleet_file.session_types import SessionTypes, check_names
from slta.models import PoolSpec
from slta.models.errors import InvalidFleetError, Mistake
from slta.parsing.fields import MAX_LEASE_SECONDS, MAX_RETENTION_SECONDS, Name, Number, Part, Unit, check_lease
from slta.parsing.strict_json import canonical
from slta.parsing.validation_errors import format_mistakes, mistake_at, mistakes_of


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


class QualityFile(Part):
    """Quality that pools measure, of one `session` or of all sessions on the `pool`."""

    per: Literal["session", "pool"]
    unit: Unit


UNMEASURED = "kind {} does not support policy {}: use kind paper or kink, or policy jlmu"
DEFAULT_ORDER = Paper(kind="paper")
DEFAULT_BETA = BetaFile(exponent=Decimal(EXPONENT.numerator) / EXPONENT.denominator)


class FleetFile(Part):
    """Configuration of a fleet. The order of the classes breaks remaining ties."""

    fleet: Name | None = None
    """Name of the fleet; in a PUT absent, or that of the path."""
    policy: Name = DEFAULT_POLICY.name
    """[Policy](policies.md): `slta`, `jlmu`, `slta-greedy`, `observe`, or `auto`, which [chooses](policies.md#auto)."""
    resolved_policy: Annotated[Name | None, Field(json_schema_extra={"readOnly": True})] = None
    """With `auto`, what the fleet runs since it was last configured; ignored in a request."""
    order: Order = Field(default_factory=lambda: DEFAULT_ORDER)  # an object as a default stops client generators
    """[Order](#order) in which places are filled; default: `{kind: paper}`."""
    beta: BetaFile = Field(default_factory=lambda: DEFAULT_BETA)
    """How many green tokens [lower the estimate rank](policies.md#slta-in-numbers): `{exponent: …}` or `{fixed: …}`;
    default: `{exponent: 0.45}`."""
    lease_seconds: Annotated[Number, Field(ge=0, le=MAX_LEASE_SECONDS), AfterValidator(check_lease)] = Decimal(
        LEASE_SECONDS
    )
    """Lifetime of a session without renewal, at least 0.001; 0: no end."""
    retention_seconds: Annotated[Number, Field(ge=1, le=MAX_RETENTION_SECONDS)] = Decimal(RETENTION_SECONDS)
    """Minimum time for which the id of an ended session is remembered."""
    gone_seconds: Annotated[Number, Field(ge=1, le=MAX_RETENTION_SECONDS)] = Decimal(GONE_SECONDS)
    """Time for which a pool is lost before it is [gone](api.md#heartbeats) and its sessions end."""
    forget_seconds: Annotated[Number, Field(ge=0, le=MAX_LEASE_SECONDS)] = Decimal(FORGET_SECONDS)
    """Time for which an empty pool is gone before it is removed; 0: never."""
    utility_unit: Unit | None = None
    """Unit of the utilities, such as `frames/s`, for display: up to 24 printable characters of Latin-1, or €."""
    quality: QualityFile | None = None
    """[Quality](curves.md#learned-curves) that pools measure: `per: session` or `per: pool`, and its `unit`."""
    classes: Annotated[list[ClassFile], Field(min_length=1, max_length=MAX_CLASSES)]
    """Classes, whose order breaks ties; capacities add up to at most 16,384, pools to 65,536."""
    session_types: SessionTypes = Field(default_factory=dict)
    """Classes of each [session type](#session-types): up to 15, with `default` times classes at most 256."""
    reserve: Annotated[Number, Field(ge=0, le=MAX_RESERVE)] = Decimal(str(RESERVE))
    """Factor of the [reserves](policies.md#session-types) of session types; 0: none."""
    reserve_for_priority: Annotated[int, Field(strict=True, ge=0, le=MAX_RESERVE_FOR_PRIORITY)] = 0
    """Free places kept for sessions that are not of [low priority](#priority)."""
    scale: ScaleFile | None = None
    """Aim and costs of [scale advice](#scale): how many pools of each class."""

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
        check_names(self.session_types, names)
        return self

    @property
    def keeps_learned(self) -> bool:
        """Whether an apply keeps curves of the fleet, those of the classes that are marked as learned."""
        return any(entry.curve for entry in self.classes)

    def keep_learned(self, present: FleetFile) -> Self:
        """The file with the present curves of classes that it marks as learned, and their unit if it has none.

        Raises InvalidFleetError if it then has curves of its own in that unit.
        """
        curves = {(entry.name, entry.capacity): entry.utility for entry in present.classes}
        kept = [curves.get((entry.name, entry.capacity)) if entry.curve else None for entry in self.classes]
        unit = self.utility_unit or (present.utility_unit if any(kept) else None)
        if unit != self.utility_unit and not all(kept):
            mistakes = [mistake_at(("utility_unit",), f"must be stated: learned curves, which stay, are in {unit}")]
            raise InvalidFleetError(format_mistakes(mistakes), mistakes)
        classes = [
            entry.model_copy(update={"utility": curve or entry.utility})
            for entry, curve in zip(self.classes, kept, strict=True)
        ]
        return self.model_copy(update={"classes": classes, "utility_unit": unit})

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
        name = (self.resolved_policy or self._recommended()) if self.policy == AUTO else self.policy
        if name not in policies:
            mistakes.insert(0, mistake_at(("policy",), f"must be one of {', '.join((*policies, AUTO))}"))
        policy = policies.get(name, DEFAULT_POLICY)
        order = self._order(policy, mistakes)
        conflicts = type_conflicts(policy, order) if self.session_types else []
        mistakes += [mistake_at(("session_types",), conflict) for conflict in conflicts]
        names = [entry.name for entry in self.classes]
        mistakes += [mistake_at(*found) for found in (self.scale.misnamed(names) if self.scale else ())]
        kept = priority_conflicts(policy) if self.reserve_for_priority else []
        mistakes += [mistake_at(("reserve_for_priority",), conflict) for conflict in kept]
        if mistakes:
            raise InvalidFleetError(format_mistakes(mistakes), mistakes)
        spec = FleetSpec(
            classes=tuple(classes),
            policy=policy,
            stated_policy=self.policy,
            beta=self.beta.beta(),
            lease_seconds=float(self.lease_seconds),
            retention_seconds=float(self.retention_seconds),
            order=order,
            gone_seconds=float(self.gone_seconds),
            forget_seconds=float(self.forget_seconds),
            utility_unit=self.utility_unit,
            session_types=self.session_types,
            reserve=float(self.reserve),
            reserve_for_priority=self.reserve_for_priority,
            quality=Quality(self.quality.per, self.quality.unit) if self.quality else None,
            learned=frozenset(entry.name for entry in self.classes if entry.curve),
            scale=self.scale.scale(names) if self.scale else None,
        )
        if mistake := misplaced_floor(spec):
            raise InvalidFleetError(format_mistakes([mistake]), [mistake])
        return spec

    def resolve(self, pools: int = 0, running: str = "") -> Self:
        """The file with the policy that `auto` means; a file that states no pools has `pools`, now under `running`."""
        name = self._recommended(pools, running) if self.policy == AUTO else None
        return self.model_copy(update={"resolved_policy": name})

    def _recommended(self, pools: int = 0, running: str = "") -> str:
        stated = sum(c.pool_count for c in self.classes)
        needs_levels = bool(self.session_types or self.reserve_for_priority) or self.order != DEFAULT_ORDER
        return recommended(len(self.classes), stated or pools, running, needs_levels=needs_levels)

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
        """Canonical JSON: all fields but the fleet's name, with their defaults, numbers as plain decimals."""
        return canonical(self.model_dump(include=FleetFile.model_fields.keys() - {"fleet"}, exclude_none=True))


@cache
def _json_schema() -> Mapping[str, Any]:
    return FleetFile.model_json_schema()


def parse_document(text: str) -> FleetFile:
    """Parse the output of `FleetFile.document`; raises InvalidFleetError."""
    return FleetFile.read(json.loads(text, parse_float=Decimal))
