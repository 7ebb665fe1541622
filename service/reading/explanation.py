"""Validation errors in words that name the field and show nothing of what was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from service.errors import Mistake
from service.reading.fields import NAME_PATTERN, NAME_RULE

MOST_NAMED = 5
"""Mistakes that a sentence names; of further ones it tells how many there are."""
NOTHING: Mapping[str, Any] = {}
NOT_A_NAME = f"must be a name, which has {NAME_RULE}"


def explain(errors: Sequence[ErrorDetails]) -> str:
    """The first few errors in words, each with the path of its field; never with a value that was sent."""
    return in_words(_mistakes(_unknown_first(errors)[:MOST_NAMED]), len(errors))


def mistakes_of(errors: Sequence[ErrorDetails], schema: Mapping[str, Any] = NOTHING) -> list[Mistake]:
    """The errors, unknown fields first: another field is often missing only because one is misspelt.

    A JSON `schema` of what was wanted has the names that an unknown field may stand for.
    """
    return _mistakes(_unknown_first(errors), schema)


def _unknown_first(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    return sorted(errors, key=lambda error: error["type"] != "extra_forbidden")


def _mistakes(errors: Sequence[ErrorDetails], schema: Mapping[str, Any] = NOTHING) -> list[Mistake]:
    return [mistake_at(_sent(error["loc"]), _reason(error, schema)) for error in errors]


def mistake_at(location: tuple[int | str, ...], reason: str) -> Mistake:
    """A mistake with the path of its field."""
    return Mistake(location, _path(location), reason)


def in_words(mistakes: Sequence[Mistake], count: int | None = None) -> str:
    """The first few as one sentence; there are `count` of them, None for all that are given."""
    more = (len(mistakes) if count is None else count) - MOST_NAMED
    return "; ".join(map(str, mistakes[:MOST_NAMED])) + (f"; and {more} more" if more > 0 else "")


TAGGED = ("utility", "order")
"""Fields that are one of several kinds."""


def _sent(parts: Sequence[int | str]) -> tuple[int | str, ...]:
    """A location without what the sender did not write: the body, and the tags of unions."""
    parts = [part for part in parts if part != "body"]
    return tuple(
        part for k, part in enumerate(parts) if not (k and isinstance(part, str) and parts[k - 1] in (*TAGGED, part))
    )


def _path(parts: Sequence[int | str]) -> str:
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", part) else "?")
    return text


OBJECTS = ("model_type", "model_attributes_type", "dict_type")
"""pydantic's errors for what is no object."""


def _reason(error: ErrorDetails, schema: Mapping[str, Any]) -> str:
    if error["type"] == "union_tag_invalid":
        return f"kind must be one of {error['ctx']['expected_tags']}"
    if error["type"] == "union_tag_not_found":
        return "must say its kind"
    if error["type"] in OBJECTS:
        return "must be an object with fields"
    if error["type"] == "extra_forbidden":
        *above, name = error["loc"]
        near = get_close_matches(str(name), _names(schema, above), n=1)
        return "is not a known field" + (f"; did you mean {near[0]}?" if near else "")
    if error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] == NAME_PATTERN:
        return NOT_A_NAME
    message = error["msg"]
    return message[0].lower() + message[1:]


def _names(schema: Mapping[str, Any], location: Sequence[int | str]) -> Sequence[str]:
    """The fields that a JSON schema has at a location; none where it does not lead there."""
    at: Any = schema
    for part in location:
        inside = at.get("items") if isinstance(part, int) else at.get("properties", NOTHING).get(part) or _of(at, part)
        at = _followed(schema, inside or NOTHING)
    return list(at.get("properties", NOTHING))


def _of(union: Mapping[str, Any], tag: str) -> Mapping[str, Any]:
    return {"$ref": union.get("discriminator", NOTHING).get("mapping", NOTHING).get(tag)}


def _followed(schema: Mapping[str, Any], inside: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of a schema, looked up where it is a reference; of an optional part, the part."""
    choices = [choice for choice in inside.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        inside = choices[0]
    name = str(inside.get("$ref", "")).rpartition("/")[2]
    return schema.get("$defs", NOTHING).get(name, NOTHING) if "$ref" in inside else inside
