"""Errors of a command: one line on standard error and an exit code, without a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slta.cli.error_messages import UNUSABLE, UserError, exit_code_of
from slta.parsing import printable
from slta_client.replies import INVALID, Reply

KNOWN = ("type", "title", "status", "detail", "code", "request_id")
"""Members of every problem document; others say what it is about, such as the pool of a session that has ended."""


def checked(reply: Reply) -> Mapping[str, Any]:
    """The body of a success. Raises UserError with the exit code of the reply: 1 for a refusal, 3 without an answer."""
    if reply.ok:
        return reply.body
    code = UNUSABLE if reply.code == INVALID else exit_code_of(reply.status, reply.code)
    members = ", ".join(f"{name}: {value}" for name, value in reply.body.items() if name not in KNOWN)
    told = f"{reply.problem} ({members})" if members else reply.problem
    raise UserError(printable(told), code)
