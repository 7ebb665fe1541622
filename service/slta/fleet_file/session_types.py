"""Session types in the fleet file: which classes the sessions of each type may use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated

from pydantic import Field, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from slta.core.limits import MAX_CLASSES, MAX_SESSION_TYPES, MAX_TYPE_CELLS
from slta.core.session_types import DEFAULT_TYPE
from slta.parsing.fields import Name

SessionTypes = Annotated[
    dict[Name, Annotated[list[Name], Field(max_length=MAX_CLASSES)]],
    Field(max_length=MAX_SESSION_TYPES - 1),
    WithJsonSchema(
        {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1}}
    ),
]
"""Names of classes by name of a type. A type `default` with all classes exists besides."""


def check_names(types: Mapping[str, Sequence[str]], classes: Sequence[str]) -> None:
    """Check that each type has different classes of the fleet, and a name of its own; ValidationError with each."""
    found = [
        InitErrorDetails(type=PydanticCustomError("session_types", reason), loc=("session_types", *at), input=None)
        for at, reason in _mistakes(types, classes)
    ]
    if found:
        raise ValidationError.from_exception_data("session_types", found)


Location = tuple[str | int, ...]


def _mistakes(types: Mapping[str, Sequence[str]], classes: Sequence[str]) -> Iterator[tuple[Location, str]]:
    """Locations below `session_types`, and what is wrong there."""
    for name, own in types.items():
        if name == DEFAULT_TYPE:
            yield (name,), "always exists, with all classes: omit it"
        elif not own:
            yield (name,), "must have at least one class"
        for k, one in enumerate(own):
            if one not in classes:
                near = get_close_matches(one, classes, 1)
                yield (name, k), f"there is no class {one}" + (f"; did you mean {near[0]}?" if near else "")
            elif one in own[:k]:
                yield (name, k), f"must have different classes, and {one} is there twice"
    if (len(types) + 1) * len(classes) > MAX_TYPE_CELLS:
        yield (), f"with default, times classes must be at most {MAX_TYPE_CELLS}"
