"""Mistakes in a fleet file or a body: validation errors, each with the path of its field."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mistake:
    """One validation error, without the rejected value.

    `location` is the path of names and indexes; `place` the line and column, from 1, if the input was a file.
    """

    location: tuple[int | str, ...]
    field: str
    reason: str
    place: tuple[int, int] | None = None

    def __str__(self) -> str:
        where = f"line {self.place[0]}, column {self.place[1]}: " if self.place else ""
        return f"{where}{self.field}{': ' if self.field else ''}{self.reason}"
