"""Session types in the fleet file: which classes the sessions of each type may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from slta.core.limits import MAX_CLASSES, MAX_SESSION_TYPES, MAX_TYPE_CELLS
from slta.core.session_types import DEFAULT_TYPE
from slta.parsing.fields import Name

SessionTypes = Annotated[
    dict[Name, Annotated[list[Name], Field(min_length=1, max_length=MAX_CLASSES)]],
    Field(max_length=MAX_SESSION_TYPES - 1),
    WithJsonSchema(
        {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1}}
    ),
]
"""Names of classes by name of a type. A type `default` with all classes exists besides."""


def check_names(types: Mapping[str, Sequence[str]], classes: Sequence[str]) -> None:
    """Check that each type has different classes of the fleet, and a name of its own; PydanticCustomError."""
    for name, own in types.items():
        if name == DEFAULT_TYPE:
            raise PydanticCustomError("session_types", "session_types.default always exists, with all classes: omit it")
        if len(set(own)) < len(own):
            raise PydanticCustomError("session_types", f"session_types.{name} must have different classes")
        unknown = next((one for one in own if one not in classes), None)
        if unknown is not None:
            raise PydanticCustomError("session_types", f"session_types.{name}: there is no class {unknown}")
    if (len(types) + 1) * len(classes) > MAX_TYPE_CELLS:
        raise PydanticCustomError(
            "session_types", f"session_types, with default, times classes must be at most {MAX_TYPE_CELLS}"
        )
