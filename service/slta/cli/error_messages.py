"""User errors of the command line: one line on standard error and exit code 2, without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

USER_ERROR = 2


@contextmanager
def in_one_line(*kinds: type[Exception]) -> Iterator[None]:
    """Print exceptions of these types as one line and exit."""
    try:
        yield
    except kinds as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """Print an error and exit with code 2."""
    sys.stderr.write(f"slta: {message}\n")
    raise typer.Exit(USER_ERROR)
