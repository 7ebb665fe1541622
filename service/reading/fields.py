"""Exact numbers, names and other parts that files and request bodies have in common.

Numbers are read as decimals and become fractions; a float never stands between, for it would turn
`linear 0.1` into a curve that is not concave.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

NAME_PATTERN = r"^([A-Za-z0-9._:-]{3,128}|[A-Za-z0-9_:-][A-Za-z0-9._:-]?|\.[A-Za-z0-9_:-])$"
"""1 to 128 characters, but not `.` or `..`: in a URL these are path segments that clients and proxies remove (RFC 3986,
5.2.4). Without look-around, which neither pydantic's regular expressions nor all of OpenAPI's tools have."""
NAME_RULE = "1 to 128 of A-Z a-z 0-9 . _ : - (but not . or ..)"
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


def _show_defaults(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """A schema's defaults as they are sent: pydantic shows decimals as texts."""
    for name, field in model.model_fields.items():
        if isinstance(field.default, Decimal | BaseModel):
            schema["properties"][name]["default"] = _plain(field.default)


def _plain(default: Decimal | BaseModel) -> Any:  # noqa: ANN401 - as JSON
    if isinstance(default, BaseModel):
        return {name: _plain(value) for name, value in default.model_dump(exclude_none=True).items()}
    return int(default) if default == int(default) else float(default)


class Part(BaseModel):
    """A part of a file: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_show_defaults)
