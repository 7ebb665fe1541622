"""User errors: one line on standard error and exit code 2, without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from slta.parsing import printable

USER_ERROR = 2


class UnusableError(Exception):
    """An option, file or reply that cannot be used; the message gives the reason and the remedy."""


@contextmanager
def in_one_line() -> Iterator[None]:
    """Print UnusableError and OSError as one line and exit."""
    try:
        yield
    except UnusableError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    else:
        return
    sys.stderr.write(f"slta: {printable(reason)}\n")
    raise typer.Exit(USER_ERROR)
