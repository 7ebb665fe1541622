"""Strict JSON parser (RFC 8259): rejects input that other parsers may read differently."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache, partial
from typing import Any, NoReturn

WHITE_SPACE = " \t\n\r"
MAX_MEMBERS = 20
"""Maximum members of one object: twice those of the API's largest object."""
MAX_NUMBER = 1000
"""Maximum characters of a number: parsing takes time quadratic in its digits."""


class InvalidJsonError(ValueError):
    """Invalid or ambiguous JSON. The message has the reason without the input."""


def parse(body: bytes, max_members: int = MAX_MEMBERS) -> Any:  # noqa: ANN401 - any JSON value
    """Parse UTF-8 JSON. Fractions become `Decimal`: exact, so 1e999 reaches validation. InvalidJsonError.

    Each object may have `max_members`.
    """
    try:
        return _decode(body.decode(), _decoder(max_members))
    except UnicodeDecodeError as error:
        raise InvalidJsonError(f"the body is not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise InvalidJsonError(f"the body is not JSON: {error.msg} (character {error.pos})") from None
    except RecursionError:
        raise InvalidJsonError("the body is nested too deeply") from None
    except ArithmeticError:
        raise InvalidJsonError("the body has a number whose exponent is too long") from None


def _decode(text: str, decoder: json.JSONDecoder) -> Any:  # noqa: ANN401 - as above
    # As JSONDecoder.decode, which matches white space with two regular expressions.
    value, end = decoder.raw_decode(text, len(text) - len(text.lstrip(WHITE_SPACE)))
    rest = text[end:].lstrip(WHITE_SPACE)
    if rest:
        raise json.JSONDecodeError("Extra data", text, len(text) - len(rest))
    return value


def _refuse_constant(_: str) -> NoReturn:
    raise InvalidJsonError("the body is not JSON: NaN and Infinity are not numbers")


def _unique(max_members: int, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > max_members:
        raise InvalidJsonError(f"an object of the body has more than {max_members} members")
    members = dict(pairs)
    if len(members) < len(pairs):
        raise InvalidJsonError("an object of the body has a key twice")
    return members


def _limited(number: str) -> str:
    if len(number) > MAX_NUMBER:
        raise InvalidJsonError("the body has a number that is too long")
    return number


@cache
def _decoder(max_members: int) -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_float=lambda text: Decimal(_limited(text)),
        parse_int=lambda text: int(_limited(text)),
        parse_constant=_refuse_constant,
        object_pairs_hook=partial(_unique, max_members),
    )


def canonical(value: object) -> str:
    """Encode a value as JSON with numbers as plain decimals, and keys in their order."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {canonical(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(canonical, value)) + "]"
    if isinstance(value, Decimal):
        plain = format(value or Decimal(), "f")
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    return json.dumps(value)
