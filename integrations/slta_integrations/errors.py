"""Errors of a command: one line on standard error and an exit code, without a traceback."""

from __future__ import annotations

from functools import partial

from slta.cli.error_messages import in_one_line as printed
from slta.parsing import printable


class UnusableError(Exception):
    """An option, file or reply that cannot be used; the message gives the reason and the remedy."""

    def __str__(self) -> str:
        return printable(super().__str__())


class RefusedError(UnusableError):
    """The answer is no: the service refused a call, or what it was asked to wait for did not happen."""

    exit_code = 1


class UnreachableError(UnusableError):
    """The service did not answer, or could not."""

    exit_code = 3


in_one_line = partial(printed, UnusableError, OSError)
