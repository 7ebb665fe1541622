"""JSON read to the letter of RFC 8259: what other parsers would read differently is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

WHITE_SPACE = " \t\n\r"


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
        raise InvalidJson("the body has a number that is too long") from None
    except InvalidJson:
        raise
    except ValueError:
        raise InvalidJson("the body has a number that is too long") from None


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
    members = dict(pairs)
    if len(members) < len(pairs):
        raise InvalidJson("an object of the body has a key twice")
    return members


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique)
