"""What a user can put right: one clear line and exit code 2, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

USER_ERROR = 2


@contextmanager
def in_one_line(*kinds: type[Exception]) -> Iterator[None]:
    """Errors of these kinds become their message."""
    try:
        yield
    except kinds as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """Say what is wrong and end."""
    sys.stderr.write(f"slta: {message}\n")
    raise typer.Exit(USER_ERROR)
