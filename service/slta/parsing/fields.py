"""Field types of files and request bodies: exact numbers, names and leases.

Numbers are parsed as decimals and converted to fractions, never to floats, whose rounding could make a curve
non-concave.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError

NAME_PATTERN = r"^([A-Za-z0-9._:-]{3,128}|[A-Za-z0-9_:-][A-Za-z0-9._:-]?|\.[A-Za-z0-9_:-])$"
"""1 to 128 characters, but not `.` or `..`, which clients and proxies remove from the path of a URL (RFC 3986, 5.2.4).
Without look-around, which pydantic and some OpenAPI tools do not support."""
is_name = re.compile(NAME_PATTERN.removesuffix("$") + r"\Z").match
"""Match of a text that is a name, None for others."""
NAME_RULE = "1 to 128 of A-Z a-z 0-9 . _ : - (but not . or ..)"
POOL_PATTERN = r"^[A-Za-z0-9._:*-]{1,128}$"
POOL_RULE = "1 to 128 of A-Z a-z 0-9 . _ : - and *, which stands for any characters"
_PRINTED = "!-~¡-¬®-ÿ€"
MAX_UNIT = 24
UNIT_PATTERN = rf"^[{_PRINTED}]([ {_PRINTED}]{{0,{MAX_UNIT - 2}}}[{_PRINTED}])?$"
UNIT_RULE = f"1 to {MAX_UNIT} printable characters of ASCII or Latin-1, or €, without a space at either end"
MAX_MAGNITUDE = 12
"""Largest decimal exponent: beyond 10^-12 to 10^13, utilities would leave the range of doubles."""
MAX_DIGITS = 30
MIN_LEASE_SECONDS = Decimal("0.001")
MAX_LEASE_SECONDS = 315_360_000
MAX_RETENTION_SECONDS = 604_800


def printable(text: str) -> str:
    """One line without control characters, which a server or a client may have written: they are escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def read_number(value: object) -> Decimal:
    """Validate an exact number within `MAX_MAGNITUDE`."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("number_type", "must be a number")
    if isinstance(value, int) and value.bit_length() > 64:
        raise PydanticCustomError("number_range", "is too large")
    number = Decimal(value)
    if not number.is_finite():
        raise PydanticCustomError("number_range", "must be finite")
    if number and not -MAX_MAGNITUDE <= number.adjusted() <= MAX_MAGNITUDE:
        raise PydanticCustomError("number_range", "must be 0 or between 1e-12 and 1e13 in magnitude")
    if len(number.as_tuple().digits) > MAX_DIGITS:
        raise PydanticCustomError("number_range", "must have at most 30 digits")
    return number


def check_lease(seconds: Any) -> Any:  # noqa: ANN401 - a Decimal or a float
    """Reject leases that would be rounded to 0, which means no lease."""
    if 0 < seconds < MIN_LEASE_SECONDS:
        raise PydanticCustomError("lease_range", "must be 0, for no lease, or at least 0.001")
    return seconds


class _JsonNumber:
    """JSON schema of a number and its bounds: pydantic has strings too, and bounds by its own names."""

    BOUNDS: ClassVar = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found = handler(schema)
        return {"type": "number", **{cls.BOUNDS[name]: found[name] for name in cls.BOUNDS.keys() & found}}


Number = Annotated[Decimal, BeforeValidator(read_number), _JsonNumber]
Positive = Annotated[Number, Field(gt=0)]
Name = Annotated[str, Field(strict=True, pattern=NAME_PATTERN)]
Unit = Annotated[str, Field(strict=True, pattern=UNIT_PATTERN)]


def _show_defaults(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Set a schema's defaults as JSON numbers: pydantic writes decimals as strings."""
    for name, field in model.model_fields.items():
        if isinstance(field.default, Decimal | BaseModel):
            schema["properties"][name]["default"] = _plain(field.default)


def _plain(default: Decimal | BaseModel) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(default, BaseModel):
        return {name: _plain(value) for name, value in default.model_dump(exclude_none=True).items()}
    return int(default) if default == int(default) else float(default)


class Part(BaseModel):
    """Base model of files and request bodies: immutable, rejects unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_show_defaults)
