"""Sets of classes by session type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class TypeSets:
    """Classes that each session type may use: `classes[t]`, ascending and without repetition."""

    classes: tuple[tuple[int, ...], ...]

    @cached_property
    def members(self) -> tuple[frozenset[int], ...]:
        """The classes of each type as a set."""
        return tuple(map(frozenset, self.classes))


def everywhere(class_count: int) -> TypeSets:
    """The sets of a fleet without session types: one type, all classes."""
    return TypeSets((tuple(range(class_count)),))


def narrowed(sets: TypeSets, classes: Sequence[int]) -> TypeSets:
    """The sets without all classes but these."""
    kept = frozenset(classes)
    return TypeSets(tuple(tuple(c for c in own if c in kept) for own in sets.classes))
