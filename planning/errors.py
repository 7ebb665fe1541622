"""What a user can put right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class Unusable(Exception):
    """What was given cannot be used; the message says why and what to do."""


@contextmanager
def unreadable_named() -> Iterator[None]:
    """A file that cannot be read or written becomes Unusable, with its name and the reason."""
    try:
        yield
    except FileExistsError as error:  # of a folder that was to be made
        raise Unusable(f"{error.filename}: is no folder") from None
    except OSError as error:
        name = error.filename2 or error.filename  # of two the one that was to be written
        raise Unusable(f"{name}: {error.strerror}" if name else str(error.strerror or error)) from None


def refuse_twice(what: str, columns: Sequence[str | None], known: Sequence[str]) -> None:
    """Unusable where a column that is read stands twice: nobody knows which is meant."""
    for name in known:
        if columns.count(name) > 1:
            raise Unusable(f"{what} names the column {name} twice")


@contextmanager
def file_named(file: Path) -> Iterator[None]:
    """An error of writing that names no file, as of a full disk, gets the name of this one."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(file)
        raise
