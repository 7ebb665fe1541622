"""Sets of classes by session type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class TypeSets:
    """Classes that each session type may use: `classes[t]`, ascending and without repetition.

    >>> TypeSets(((0,), (0, 1), (2,))).rivals
    ((), (0,), ())
    """

    classes: tuple[tuple[int, ...], ...]

    @cached_property
    def members(self) -> tuple[frozenset[int], ...]:
        """The classes of each type as a set."""
        return tuple(map(frozenset, self.classes))

    @cached_property
    def rivals(self) -> tuple[tuple[int, ...], ...]:
        """Of each type the others that share a class with it and lack one of its classes.

        Only these can have worse alternatives to a class of the type.
        """
        return tuple(
            tuple(t for t, theirs in enumerate(self.members) if mine & theirs and not mine <= theirs)
            for mine in self.members
        )


def everywhere(class_count: int) -> TypeSets:
    """The sets of a fleet without session types: one type, all classes."""
    return TypeSets((tuple(range(class_count)),))


def narrowed(sets: TypeSets, classes: Sequence[int]) -> TypeSets:
    """The sets without all classes but these."""
    kept = frozenset(classes)
    return TypeSets(tuple(tuple(c for c in own if c in kept) for own in sets.classes))
