"""Errors of a command: one line on standard error and an exit code, without a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slta.cli.error_messages import NO, UNUSABLE, UserError, exit_code_of
from slta.parsing import printable
from slta_client.replies import INVALID, Reply

KNOWN = ("type", "title", "status", "detail", "code", "request_id")
"""Members of every problem document; others say what it is about, such as the pool of a session that has ended."""


class UnusableError(UserError):
    """An option, file or reply that cannot be used; the message gives the reason and the remedy."""

    def __str__(self) -> str:
        return printable(super().__str__())


class RefusedError(UnusableError):
    """The answer is no: the service refused a call, or what it was asked to wait for did not happen."""

    exit_code = NO


def checked(reply: Reply) -> Mapping[str, Any]:
    """The body of a success. Raises UnusableError, with 3 as exit code if the service did not answer, or could not."""
    if reply.ok:
        return reply.body
    code = UNUSABLE if reply.code == INVALID else exit_code_of(reply.status, reply.code)
    members = ", ".join(f"{name}: {value}" for name, value in reply.body.items() if name not in KNOWN)
    told = f"{reply.problem} ({members})" if members else reply.problem
    error = RefusedError(told) if code == NO else UnusableError(told)
    error.exit_code = code
    raise error
