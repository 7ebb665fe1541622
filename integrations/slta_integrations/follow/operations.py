"""Bulk operations of parsed lines, and which of their outcomes are final."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from slta_client.replies import Reply
from slta_integrations.follow.live import Renewal
from slta_integrations.follow.log_line import Begin, End

MAX_OPERATIONS = 1000
"""Of one call (docs/api.md)."""
MARK_SECONDS = 120.0
"""slta remembers a complete that overtakes its assign for so long; of older lines it is told not to."""
LATE_SECONDS = 1.0
"""A begin that may be older is reported as late: its place says nothing about the state that slta has now."""
LEASE_SECONDS = 900.0
"""Default for sessions of a proxy that lets them be renewed, as in its recipe; others have the fleet's."""
Line = Begin | End | Renewal
KINDS: dict[type[Line], str] = {Begin: "report", End: "complete", Renewal: "renew"}


def age_bound(written_after: float, now: float) -> float:
    """Upper bound of an age in seconds; infinite if the clock went back."""
    return now - written_after if now >= written_after else math.inf


def encode(lines: Sequence[Line], lease_seconds: float | None, age: float) -> bytes:
    """Body of a bulk call for lines of this age at most."""
    operations = [
        {KINDS[type(line)]: {"session_id": line.session_id, **_members(line, lease_seconds, age)}} for line in lines
    ]
    return json.dumps({"operations": operations}, separators=(",", ":")).encode()


def _members(line: Line, lease_seconds: float | None, age: float) -> dict[str, object]:
    if isinstance(line, End):
        return {"mark": False} if age > MARK_SECONDS else {}
    if isinstance(line, Renewal):
        return {}
    lease = LEASE_SECONDS if lease_seconds is None and line.instance else lease_seconds
    late = age > LATE_SECONDS or None
    given = {"pool_id": line.pool_id, "session_type": line.session_type, "late": late, "lease_seconds": lease}
    return {name: value for name, value in given.items() if value is not None}


def code_of(outcome: Reply) -> str:
    """Code of the problem, otherwise the member `outcome` of the body; empty without both."""
    return outcome.code or outcome.text("outcome") or ""


def is_final(outcome: Reply) -> bool:
    """False if the outcome says nothing about the operation, which is sent again.

    So of an unknown fleet, as its lines are kept until somebody creates it; not of an `internal_error`, which a line
    could have each time, before all others.
    """
    if outcome.ok or outcome.code == "internal_error":
        return code_of(outcome) != ""
    return not outcome.may_pass and outcome.code != "unknown_fleet"
