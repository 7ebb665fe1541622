"""What a user can put right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Unusable(Exception):
    """What was given cannot be used; the message says why and what to do."""


@contextmanager
def unreadable_named() -> Iterator[None]:
    """A file that cannot be read or written becomes Unusable, with its name and the reason."""
    try:
        yield
    except (OSError, EOFError) as error:
        name = getattr(error, "filename", None)
        raise Unusable(f"{name}: {getattr(error, 'strerror', error)}" if name else str(error)) from None
