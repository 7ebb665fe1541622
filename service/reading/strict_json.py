"""JSON read to the letter of RFC 8259: what other parsers would read differently is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

WHITE_SPACE = " \t\n\r"
MOST_MEMBERS = 20
"""Members of one object: twice as many as the largest body of the API has."""
LONGEST_NUMBER = 1000
"""Characters of a number; the time to read one grows with the square of its digits."""


class InvalidJson(ValueError):
    """The text is not JSON that everybody reads alike; the message says why, and shows nothing of it."""


def parse(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON says
    """The value of a UTF-8 text. Fractions are `Decimal`: exact, and 1e999 is a number to be judged later."""
    try:
        return _decode(body.decode())
    except UnicodeDecodeError as error:
        raise InvalidJson(f"the body is not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise InvalidJson(f"the body is not JSON: {error.msg} (character {error.pos})") from None
    except RecursionError:
        raise InvalidJson("the body is nested too deeply") from None
    except ArithmeticError:
        raise InvalidJson("the body has a number whose exponent is too long") from None


def _decode(text: str) -> Any:  # noqa: ANN401 - as above
    # JSONDecoder.decode does the same, with two regular expressions for the white space.
    value, end = _DECODER.raw_decode(text, len(text) - len(text.lstrip(WHITE_SPACE)))
    rest = text[end:].lstrip(WHITE_SPACE)
    if rest:
        raise json.JSONDecodeError("Extra data", text, len(text) - len(rest))
    return value


def _refuse_constant(_: str) -> NoReturn:
    raise InvalidJson("the body is not JSON: NaN and Infinity are not numbers")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_MEMBERS:
        raise InvalidJson(f"an object of the body has more than {MOST_MEMBERS} members")
    members = dict(pairs)
    if len(members) < len(pairs):
        raise InvalidJson("an object of the body has a key twice")
    return members


def _integer(text: str) -> int:
    return int(_short(text))


def _fraction(text: str) -> Decimal:
    return Decimal(_short(text))


def _short(number: str) -> str:
    if len(number) > LONGEST_NUMBER:
        raise InvalidJson("the body has a number that is too long")
    return number


_DECODER = json.JSONDecoder(
    parse_float=_fraction, parse_int=_integer, parse_constant=_refuse_constant, object_pairs_hook=_unique
)
