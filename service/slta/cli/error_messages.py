"""User errors of the command line: one line on standard error and an exit code, without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

DONE, NO, UNUSABLE, UNREACHABLE = range(4)
EXIT_CODES = {
    DONE: "done, or nothing to do",
    NO: "the answer is no: an invalid file for `check`, damage, no plan, no such fleet, class or pool, sessions left",
    UNUSABLE: "wrong usage, or unusable input, such as an invalid file",
    UNREACHABLE: "dispatcher or store not reachable",
}
"""Of all commands; further ones in the command's help."""
OF_CODE = {"fleet_damaged": NO, "document_unreadable": NO, "unknown_class": NO, "advice_withheld": NO}
"""By code, where the status would give another one."""
UNUSABLE_STATUSES = (400, 401, 413, 422)
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for all words of a command line that it cannot use; it does not export the type."""


class UserError(Exception):
    """Reason why a command ends, with the remedy, and its exit code."""

    def __init__(self, reason: str, exit_code: int = UNUSABLE) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


def exit_code_of(status: int, code: str = "") -> int:
    """Exit code for the HTTP status and code of a refusal; status 0: there was no reply."""
    if code in OF_CODE:
        return OF_CODE[code]
    if status in UNUSABLE_STATUSES:
        return UNUSABLE
    return NO if 400 <= status < 500 else UNREACHABLE


@contextmanager
def in_one_line(*kinds: type[Exception]) -> Iterator[None]:
    """Print UserError, OSError and exceptions of these types, and exit with their code."""
    told: tuple[type[Exception], ...] = (UserError, OSError, *kinds)
    try:
        yield
    except told as error:
        fail(_file_error(error) if isinstance(error, OSError) else str(error), _exit_code(error))


@contextmanager
def usage_in_one_line() -> Iterator[None]:
    """Print a usage error, with the command whose help has its options, and exit with 2."""
    try:
        yield
    except USAGE_ERROR as error:
        from slta.parsing.validation_errors import VALIDATOR_PREFIX

        message: str = error.format_message().replace(VALIDATOR_PREFIX, "")  # type: ignore[attr-defined]
        if not message:  # the help was printed instead
            raise typer.Exit(UNUSABLE) from None
        path = error.ctx.command_path  # type: ignore[attr-defined]
        fail(f"{' '.join(message.split()).removesuffix('.')}; see {path} --help")


def _exit_code(error: Exception) -> int:
    """The error's own, else by the HTTP status and code of a dispatcher's error."""
    status = getattr(error, "status", None)
    return getattr(error, "exit_code", UNUSABLE if status is None else exit_code_of(status, getattr(error, "code", "")))


def _file_error(error: OSError) -> str:
    name = error.filename2 or error.filename  # of two names, the one to be written
    return f"{name}: {error.strerror}" if name else str(error.strerror or error)


def fail(message: str, code: int = UNUSABLE) -> NoReturn:
    """Print an error, its control characters escaped, and exit."""
    from slta.parsing import printable  # pydantic, which --help does without

    sys.stderr.write("\n".join(map(printable, f"slta: {message}".split("\n"))) + "\n")
    raise typer.Exit(code)
