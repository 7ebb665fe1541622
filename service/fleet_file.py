"""The fleet file, as YAML or as the body of PUT: its shape, its limits, and the `FleetSpec` it says.

Numbers are read as decimals and become fractions; a float never stands between, for it would turn
`linear 0.1` into a curve that is not concave.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from service.core import utility as curves
from service.core.fleet import MAX_CAPACITY, MAX_CLASSES, MAX_LEVELS, FleetSpec, Policy
from service.core.policies.slta import Beta
from service.core.ranking import MAX_POOLS
from service.errors import InvalidFleet

NAME_PATTERN = r"^[A-Za-z0-9._:-]{1,128}$"
LARGEST_MAGNITUDE = 12
"""Numbers are 0 or between 10^-12 and 10^13: beyond, utilities leave the range of doubles."""
MOST_DIGITS = 30
SHORTEST_LEASE_SECONDS = Decimal("0.001")
LONGEST_LEASE_SECONDS = 315_360_000
LONGEST_RETENTION_SECONDS = 604_800


def read_number(value: object) -> Decimal:
    """An exact number within the range of doubles."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("number_type", "must be a number")
    if isinstance(value, int) and value.bit_length() > 64:
        raise PydanticCustomError("number_range", "is too large")
    number = Decimal(value)
    if not number.is_finite():
        raise PydanticCustomError("number_range", "must be finite")
    if number and not -LARGEST_MAGNITUDE <= number.adjusted() <= LARGEST_MAGNITUDE:
        raise PydanticCustomError("number_range", "must be 0 or between 1e-12 and 1e13 in magnitude")
    if len(number.as_tuple().digits) > MOST_DIGITS:
        raise PydanticCustomError("number_range", "must have at most 30 digits")
    return number


def check_lease(seconds: Any) -> Any:  # noqa: ANN401 - a Decimal or a float
    """A lease that would round to none is a mistake: none is said by 0."""
    if 0 < seconds < SHORTEST_LEASE_SECONDS:
        raise PydanticCustomError("lease_range", "must be 0, for no lease, or at least 0.001")
    return seconds


Number = Annotated[Decimal, BeforeValidator(read_number), WithJsonSchema({"type": "number"})]
Positive = Annotated[Number, Field(gt=0)]
Name = Annotated[str, Field(strict=True, pattern=NAME_PATTERN)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Curve(_Part, ABC):
    """What sessions are worth on one pool."""

    @abstractmethod
    def utility(self) -> curves.Utility:
        """The curve in exact numbers."""


class LogShare(_Curve):
    """`x log(r/x)`, r the resource of a pool."""

    kind: Literal["log_share"]
    resource: Positive

    def utility(self) -> curves.Utility:
        return curves.LogShareUtility(Fraction(self.resource))


class AlphaFair(_Curve):
    """`x g(r/x)`, g(y) = y^(1-alpha)/(1-alpha), or log y at alpha = 1."""

    kind: Literal["alpha_fair"]
    resource: Positive
    alpha: Annotated[Number, Field(ge=0, le=16)]

    def utility(self) -> curves.Utility:
        return curves.AlphaFairUtility(Fraction(self.resource), Fraction(self.alpha))


class Linear(_Curve):
    """`slope x`."""

    kind: Literal["linear"]
    slope: Number

    def utility(self) -> curves.Utility:
        return curves.LinearUtility(Fraction(self.slope))


class Quadratic(_Curve):
    """`linear x + quadratic x²`, quadratic ≤ 0."""

    kind: Literal["quadratic"]
    linear: Number
    quadratic: Number

    def utility(self) -> curves.Utility:
        return curves.QuadraticUtility(Fraction(self.linear), Fraction(self.quadratic))


class CappedLinear(_Curve):
    """`slope min(x, cap)`."""

    kind: Literal["capped_linear"]
    slope: Number
    cap: Annotated[Number, Field(ge=0)]

    def utility(self) -> curves.Utility:
        return curves.CappedLinearUtility(Fraction(self.slope), Fraction(self.cap))


class WeightedLeastConnections(_Curve):
    """`-x (x+1) / (2 weight)`: dispatches as weighted least connections does."""

    kind: Literal["weighted_least_connections"]
    weight: Positive

    def utility(self) -> curves.Utility:
        return curves.WeightedLeastConnectionsUtility(Fraction(self.weight))


class Table(_Curve):
    """u(0) = 0, u(1), …, u(capacity) as given."""

    kind: Literal["table"]
    values: Annotated[list[Number], Field(min_length=2, max_length=MAX_CAPACITY + 1)]

    def utility(self) -> curves.Utility:
        return curves.TableUtility(tuple(map(Fraction, self.values)))


Curve = Annotated[
    LogShare | AlphaFair | Linear | Quadratic | CappedLinear | WeightedLeastConnections | Table,
    Field(discriminator="kind"),
]


class ClassFile(_Part):
    """A class of pools; `pools: N` wants `<name>-1` … `<name>-N` to exist."""

    name: Name
    utility: Curve
    capacity: Annotated[int, Field(strict=True, ge=1, le=MAX_CAPACITY)]
    pools: Annotated[int, Field(strict=True, ge=0, le=MAX_POOLS)] = 0

    @model_validator(mode="after")
    def _pool_ids_fit(self) -> Self:
        if self.pools and len(f"{self.name}-{self.pools}") > 128:
            raise PydanticCustomError("name_length", "name is too long to number pools after it")
        return self

    @model_validator(mode="after")
    def _table_reaches_capacity(self) -> Self:
        if isinstance(self.utility, Table) and len(self.utility.values) != self.capacity + 1:
            raise PydanticCustomError("table_length", "utility.values must hold u(0) to u(capacity)")
        return self


class BetaFile(_Part):
    """β_n = n^-exponent, or fixed."""

    exponent: Annotated[Number, Field(ge=0, le=1)] | None = None
    fixed: Annotated[Number, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.exponent is None) == (self.fixed is None):
            raise PydanticCustomError("beta", "must have either exponent or fixed")
        return self

    def beta(self) -> Beta:
        """As the policy takes it."""
        if self.fixed is not None:
            return Beta(exponent=None, fixed=Fraction(self.fixed))
        return Beta(exponent=Fraction(self.exponent or 0))


class FleetFile(_Part):
    """A fleet: how it dispatches and what its classes are. The order of the classes settles ties."""

    fleet: Name | None = None
    policy: Policy = "slta"
    beta: BetaFile = BetaFile(exponent=Decimal("0.45"))
    lease_seconds: Annotated[Number, Field(ge=0, le=LONGEST_LEASE_SECONDS), AfterValidator(check_lease)] = Decimal(
        21_600
    )
    retention_seconds: Annotated[Number, Field(ge=1, le=LONGEST_RETENTION_SECONDS)] = Decimal(600)
    classes: Annotated[list[ClassFile], Field(min_length=1, max_length=MAX_CLASSES)]

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        names = [c.name for c in self.classes]
        if len(set(names)) < len(names):
            raise PydanticCustomError("class_names", "classes must have different names")
        if sum(c.capacity for c in self.classes) > MAX_LEVELS:
            raise PydanticCustomError("levels", "the capacities of all classes must add up to at most 16384")
        if sum(c.pools for c in self.classes) > MAX_POOLS:
            raise PydanticCustomError("pools", "the pools of all classes must add up to at most 65536")
        return self

    @classmethod
    def read(cls, parsed: object) -> Self:
        """From parsed YAML or JSON whose fractions are `Decimal`; raises InvalidFleet."""
        try:
            return cls.model_validate(parsed)
        except ValidationError as error:
            raise InvalidFleet(explain(error.errors(include_url=False, include_input=False))) from None

    def to_spec(self) -> FleetSpec:
        """The fleet in exact numbers; raises InvalidFleet, with the first x of a curve that is not concave."""
        try:
            return FleetSpec(
                classes=tuple(self._pool_class(i) for i in range(len(self.classes))),
                policy=self.policy,
                beta=self.beta.beta(),
                lease_seconds=float(self.lease_seconds),
                retention_seconds=float(self.retention_seconds),
            )
        except ValueError as error:
            raise InvalidFleet(str(error)) from None

    def _pool_class(self, i: int) -> curves.PoolClass:
        entry = self.classes[i]
        try:
            return curves.PoolClass(entry.name, entry.utility.utility(), entry.capacity)
        except ValueError as error:
            raise ValueError(f"classes[{i}].utility: {error}") from None

    def wanted_pools(self) -> list[tuple[str, str]]:
        """`(pool_id, class name)` of the pools that `pools: N` asks for."""
        return [(f"{c.name}-{k}", c.name) for c in self.classes for k in range(1, c.pools + 1)]

    def document(self) -> str:
        """Canonical JSON: all fields but the fleet's name, numbers as plain decimals."""
        return _to_json(self.model_dump(include=FleetFile.model_fields.keys() - {"fleet"}, exclude_none=True))


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
    """The inverse of `document`."""
    return FleetFile.read(json.loads(text, parse_float=Decimal))


class Specs:
    """Compiled specs of stored documents. Compiling the largest takes seconds: once, and beside the event loop."""

    MOST = 64

    def __init__(self) -> None:
        self._known: dict[str, FleetSpec] = {}

    async def of(self, document: str) -> FleetSpec:
        """The spec of a document, its tables compiled."""
        spec = self._known.get(document)
        if spec is None:
            spec = await asyncio.to_thread(compile_spec, parse_document(document))
            if len(self._known) >= self.MOST:
                self._known.pop(next(iter(self._known)))
            self._known[document] = spec
        return spec


def compile_spec(file: FleetFile) -> FleetSpec:
    """`to_spec` with its tables, which are otherwise compiled at first use."""
    spec = file.to_spec()
    _ = spec.ranking, spec.integers, spec.bound_ranking
    return spec


def explain(errors: Sequence[ErrorDetails]) -> str:
    """The first error in words, with the path of its field; never with the value that was sent."""
    first, others = errors[0], len(errors) - 1
    path = _path([part for part in first["loc"] if part != "body"])
    return f"{path}{': ' if path else ''}{_reason(first)}{f' (and {others} more)' if others else ''}"


def _path(parts: Sequence[int | str]) -> str:
    text = ""
    for k, part in enumerate(parts):
        if isinstance(part, int):
            text += f"[{part}]"
        elif k and parts[k - 1] == "utility":
            continue  # the tag of the union, which the sender did not write
        else:
            text += ("." if text else "") + (part if re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", part) else "?")
    return text


def _reason(error: ErrorDetails) -> str:
    if error["type"] == "union_tag_invalid":
        return f"kind must be one of {error['ctx']['expected_tags']}"
    if error["type"] == "extra_forbidden":
        return "is not a known field"
    message = error["msg"]
    return message[0].lower() + message[1:]


def load_yaml(path: Path | str) -> tuple[str, FleetFile, str]:
    """The fleet's name, its file, and a digest that changes with what the file says, not with its layout."""
    try:
        parsed = yaml.load(Path(path).read_text(encoding="utf-8"), _DecimalLoader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise InvalidFleet(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidFleet(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    try:
        file = FleetFile.read(parsed)
        file.to_spec()
    except InvalidFleet as error:
        raise InvalidFleet(f"{path}: {error}") from None
    name = file.fleet or "default"
    return name, file, hashlib.sha256(f"{name}\n{file.document()}".encode()).hexdigest()


_SPECIAL = {".inf": "Infinity", "+.inf": "Infinity", "-.inf": "-Infinity", ".nan": "NaN"}


class _DecimalLoader(yaml.SafeLoader):
    """YAML whose fractions are decimals and whose keys differ."""

    def construct_decimal(self, node: yaml.ScalarNode) -> Decimal:
        text = self.construct_scalar(node).replace("_", "")
        special = _SPECIAL.get(text.lower(), text)
        try:
            return Decimal(special)
        except ArithmeticError:
            self._refuse("not a decimal number", node)

    def construct_unique(self, node: yaml.MappingNode) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if len(set(map(str, keys))) < len(keys):
            self._refuse("a key stands twice", node)
        return self.construct_mapping(node, deep=True)

    def _refuse(self, problem: str, node: yaml.Node) -> NoReturn:
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_DecimalLoader.add_constructor("tag:yaml.org,2002:float", _DecimalLoader.construct_decimal)
_DecimalLoader.add_constructor("tag:yaml.org,2002:map", _DecimalLoader.construct_unique)
_DecimalLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)
