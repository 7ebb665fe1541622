"""Random session types of fleets, and random `session_type` fields: known ones, unknown ones, and what is no name."""

from __future__ import annotations

from random import Random
from typing import Any

TYPES = ("video", "chat", "text")
POLICIES_WITH_TYPES = ("jlmu", "observe")
UNKNOWN = "audio"
"""No fleet has it."""
NO_NAMES: tuple[Any, ...] = (7, None, "", "a b", ["video"])
INVALID_SETS: tuple[Any, ...] = (
    {"video": []},
    {"video": ["none"]},
    {"video": ["small", "small"]},
    {"default": ["small"]},
    {"a b": ["small"]},
    ["video"],
    {f"t{k}": ["small"] for k in range(16)},
)


def type_sets(rng: Random, classes: list[str], policy: str) -> dict[str, Any]:
    """The member of a fleet file, or none; refused with some policies, and now and then by itself."""
    if rng.random() > (0.7 if policy in POLICIES_WITH_TYPES else 0.05):
        return {}
    if rng.random() < 0.05:
        return {"session_types": rng.choice(INVALID_SETS)}
    named = rng.sample(TYPES, rng.randint(1, len(TYPES)))
    return {"session_types": {name: rng.sample(classes, rng.randint(1, len(classes))) for name in named}}


def type_name(rng: Random) -> str:
    """Mostly one that fleets with types may have."""
    return rng.choices([*TYPES, "default", UNKNOWN], [8, 8, 8, 3, 1])[0]


def type_field(rng: Random) -> dict[str, Any]:
    """Of a session to be placed or reported, or none."""
    if rng.random() < 0.6:
        return {}
    return {"session_type": rng.choice(NO_NAMES) if rng.random() < 0.03 else type_name(rng)}
