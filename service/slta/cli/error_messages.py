"""User errors of the command line: a message on standard error and an exit code, without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

USER_ERROR = 2


@contextmanager
def in_one_line(*kinds: type[Exception]) -> Iterator[None]:
    """Print exceptions of these types and exit with their `exit_code`, else 2; OSError as file name and reason."""
    try:
        yield
    except kinds as error:
        fail(_file_error(error) if isinstance(error, OSError) else str(error), getattr(error, "exit_code", USER_ERROR))


def _file_error(error: OSError) -> str:
    name = error.filename2 or error.filename  # of two names, the one to be written
    return f"{name}: {error.strerror}" if name else str(error.strerror or error)


def fail(message: str, code: int = USER_ERROR) -> NoReturn:
    """Print an error, its control characters escaped, and exit."""
    from slta.parsing import printable  # pydantic, which --help does without

    sys.stderr.write("\n".join(map(printable, f"slta: {message}".split("\n"))) + "\n")
    raise typer.Exit(code)
