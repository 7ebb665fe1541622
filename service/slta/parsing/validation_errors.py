"""Validation errors as messages with the path of the field, without the rejected value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from slta.models.errors import Mistake
from slta.parsing.fields import NAME_PATTERN, NAME_RULE, POOL_PATTERN, POOL_RULE, UNIT_PATTERN, UNIT_RULE
from slta.parsing.pool_attributes import ADDRESS_PATTERN, ADDRESS_RULE, LABEL_PATTERN, LABEL_RULE

MAX_NAMED = 5
"""Maximum mistakes per message; further ones are counted."""
MAX_COMPARED = 64
"""Maximum characters of an unknown field's name that are compared; no longer one resembles a known name."""
VALIDATOR_PREFIX = "Value error, "
"""Before the message of a ValueError from a validator, by pydantic."""
EMPTY: Mapping[str, Any] = {}
NOT_A_NAME = f"must be a name, which has {NAME_RULE}"
PATTERNS = {
    NAME_PATTERN: NOT_A_NAME,
    POOL_PATTERN: f"must have {POOL_RULE}",
    UNIT_PATTERN: f"must have {UNIT_RULE}",
    ADDRESS_PATTERN: f"must have {ADDRESS_RULE}",
    LABEL_PATTERN: f"must have {LABEL_RULE}",
}
"""What a field with a pattern must be."""


def explain(errors: Sequence[ErrorDetails], schema: Mapping[str, Any] = EMPTY) -> str:
    """Message of the first `MAX_NAMED` errors, each with the path of its field, never with its value.

    `schema` as in `mistakes_of`.
    """
    return format_mistakes(mistakes_of(_unknown_first(errors)[:MAX_NAMED], schema), len(errors))


def mistakes_of(errors: Sequence[ErrorDetails], schema: Mapping[str, Any] = EMPTY) -> list[Mistake]:
    """Convert errors, unknown fields first: a misspelt field often causes a missing one.

    The JSON `schema` of the input provides names to suggest for an unknown field.
    """
    return [mistake_at(_input_location(one["loc"]), _reason(one, schema)) for one in _unknown_first(errors)]


def _unknown_first(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    return sorted(errors, key=lambda error: error["type"] != "extra_forbidden")


def mistake_at(location: tuple[int | str, ...], reason: str) -> Mistake:
    """Create a mistake with the path of its field."""
    return Mistake(location, _path(location), reason)


def format_mistakes(mistakes: Sequence[Mistake], count: int | None = None) -> str:
    """Message of the first `MAX_NAMED` mistakes; `count` is their total, by default those given."""
    more = (len(mistakes) if count is None else count) - MAX_NAMED
    return "; ".join(map(str, mistakes[:MAX_NAMED])) + (f"; and {more} more" if more > 0 else "")


UNION_FIELDS = ("utility", "order", "pools", "floor")
"""Fields with a tagged union as type."""


def _input_location(parts: Sequence[int | str]) -> tuple[int | str, ...]:
    """Location without the parts that pydantic adds: the body, the mark of a key, and the tags of unions."""
    parts = [part for part in parts if part not in ("body", "[key]")]
    return tuple(
        part
        for k, part in enumerate(parts)
        if not (k and isinstance(part, str) and parts[k - 1] in (*UNION_FIELDS, part))
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
"""Types of pydantic's errors for a value that is not an object."""


def _reason(error: ErrorDetails, schema: Mapping[str, Any]) -> str:
    if error["type"] == "union_tag_invalid":
        return f"kind must be one of {error['ctx']['expected_tags']}"
    if error["type"] == "union_tag_not_found":
        return "requires the field kind"
    if error["type"] in OBJECTS:
        return "must be an object with fields"
    if error["type"] == "extra_forbidden":
        *above, name = error["loc"]
        near = _similar(str(name)[:MAX_COMPARED], _names(schema, above))
        return "is not a known field" + (f"; did you mean {near[0]}?" if near else "")
    if error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] in PATTERNS:
        return PATTERNS[error["ctx"]["pattern"]]
    message = error["msg"]
    return message[0].lower() + message[1:]


def _similar(name: str, names: Sequence[str]) -> Sequence[str]:
    """Names that resemble one, the nearest first: by spelling, else those of which it is a word."""
    return get_close_matches(name, names, n=1) or [known for known in names if name in known.split("_")]


def _names(schema: Mapping[str, Any], location: Sequence[int | str]) -> Sequence[str]:
    """Names of the fields at a location of a JSON schema; empty if the location does not exist."""
    node: Any = schema
    for part in location:
        if isinstance(part, int):
            child = node.get("items")
        else:
            child = node.get("properties", EMPTY).get(part) or _variant(schema, node, part)
        node = _resolve(schema, child or EMPTY)
    return list(node.get("properties", EMPTY))


def _variant(schema: Mapping[str, Any], union: Mapping[str, Any], tag: str) -> Mapping[str, Any]:
    """Variant of a tagged union: by its mapping, or without one the variant that has the tag as a field."""
    if "discriminator" in union:
        return {"$ref": union["discriminator"]["mapping"].get(tag)}
    variants = (_resolve(schema, variant) for variant in union.get("oneOf", ()))
    return next((variant for variant in variants if tag in variant.get("properties", EMPTY)), EMPTY)


def _resolve(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Dereference a node of a schema; of an optional one, its only non-null choice."""
    choices = [choice for choice in node.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        node = choices[0]
    name = str(node.get("$ref", "")).rpartition("/")[2]
    return schema.get("$defs", EMPTY).get(name, EMPTY) if "$ref" in node else node
