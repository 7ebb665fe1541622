"""Errors of a command: one line on standard error and an exit code, without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from slta.parsing import printable

USER_ERROR = 2


class UnusableError(Exception):
    """An option, file or reply that cannot be used; the message gives the reason and the remedy."""

    exit_code = USER_ERROR


class RefusedError(UnusableError):
    """The answer is no: the service refused a call, or what it was asked to wait for did not happen."""

    exit_code = 1


class UnreachableError(UnusableError):
    """The service did not answer, or could not."""

    exit_code = 3


@contextmanager
def in_one_line() -> Iterator[None]:
    """Print UnusableError and OSError as one line and exit."""
    code = USER_ERROR
    try:
        yield
    except UnusableError as error:
        reason, code = str(error), error.exit_code
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    else:
        return
    sys.stderr.write(f"slta: {printable(reason)}\n")
    raise typer.Exit(code)
