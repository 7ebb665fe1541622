"""Bulk operations of parsed lines, and what their outcomes count as."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from slta_client.replies import Reply
from slta_integrations.follow.checkpoints import age_bound
from slta_integrations.follow.live import LiveSessions, Renewal
from slta_integrations.follow.log_line import Begin, End
from slta_integrations.follow.metrics import Metrics

MAX_OPERATIONS = 1000
"""Of one call (docs/api.md)."""
MARK_SECONDS = 120.0
"""slta remembers a complete that overtakes its assign for so long; of older lines it is told not to."""
LATE_SECONDS = 1.0
"""A begin that may be older is reported as late: its place says nothing about the state that slta has now."""
LEASE_SECONDS = 900.0
"""Default for sessions of a proxy that lets them be renewed, as in its recipe; others have the fleet's."""
HELD = frozenset({"new", "same", "moved"})
"""Outcomes of a report after which slta has the session."""


class Operation(NamedTuple):
    """A line to act on, written after `written_after` (seconds since 1970)."""

    line: Begin | End | Renewal
    written_after: float

    @property
    def kind(self) -> str:
        return {Begin: "report", End: "complete", Renewal: "renew"}[type(self.line)]


def encode(operations: Sequence[Operation], lease_seconds: float | None, now: float) -> bytes:
    """Body of a bulk call at `now`, seconds since 1970."""
    return json.dumps(
        {"operations": [_encoded(operation, lease_seconds, now) for operation in operations]}, separators=(",", ":")
    ).encode()


def _encoded(operation: Operation, lease_seconds: float | None, now: float) -> dict[str, Any]:
    line, age = operation.line, age_bound(operation.written_after, now)
    if isinstance(line, Begin):
        late = {"late": True} if age > LATE_SECONDS else {}
        lease_seconds = LEASE_SECONDS if lease_seconds is None and line.instance else lease_seconds
        lease = {} if lease_seconds is None else {"lease_seconds": lease_seconds}
        kind = {} if line.session_type is None else {"session_type": line.session_type}
        return {"report": {"session_id": line.session_id, "pool_id": line.pool_id, **kind, **late, **lease}}
    if isinstance(line, Renewal):
        return {"renew": {"session_id": line.session_id}}
    mark = {"mark": False} if age > MARK_SECONDS else {}
    return {"complete": {"session_id": line.session_id, **mark}}


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


def to_repeat(operations: Sequence[Operation], outcomes: Sequence[Reply]) -> list[bool]:
    """Which to send again: those without a final outcome, and all later ones of the same session, in their order."""
    open_ids: set[str] = set()
    repeated = []
    for operation, outcome in zip(operations, outcomes, strict=True):
        if not is_final(outcome):
            open_ids.add(operation.line.session_id)
        repeated.append(operation.line.session_id in open_ids)
    return repeated


class Tally:
    """Counts final outcomes, and tells `live` which sessions began and ended."""

    def __init__(self, metrics: Metrics, live: LiveSessions) -> None:
        self._metrics = metrics
        self._live = live

    def count(self, operation: Operation, outcome: Reply) -> None:
        """Count a final outcome."""
        self._metrics.answers.labels(operation.kind, code_of(outcome)).inc()
        match operation.line:
            case Begin() as line:
                self._live.note(line if code_of(outcome) in HELD else line._replace(instance=None))
                if code_of(outcome) == "moved":
                    self._metrics.elsewhere_sessions.inc()
            case End() as line:
                self._count_end(line, outcome)
            case Renewal(session_id) if code_of(outcome) != "renewed":
                self._live.note(End(session_id, None, 0))

    def _count_end(self, line: End, outcome: Reply) -> None:
        has_begun = self._live.has(line.session_id)
        self._live.note(line)
        if code_of(outcome) == "completed" and line.pool_id not in {None, outcome.text("pool_id")}:
            self._metrics.elsewhere_sessions.inc()
        if outcome.code == "unknown_session" and line.pool_id and not has_begun:
            self._metrics.unseen_session_seconds.inc(line.seconds)
