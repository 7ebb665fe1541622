"""Validation errors in words that name the field and show nothing of what was sent."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic_core import ErrorDetails


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
        elif k and parts[k - 1] in ("utility", part):
            continue  # the tag of a union, which the sender did not write
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
