"""Sets of classes by session type."""

from __future__ import annotations

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
