"""The request log: changes of fleets, refused requests, and at debug level all requests; startup warnings."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict

import structlog

from slta.auth.keys import Access
from slta.auth.rate_limit import Rate, RateLimiter
from slta.models.request_record import Event, RequestRecord
from slta.runtime.settings import unknown_variables

REFUSED_STATUSES = (401, 403, 422)
REFUSED_PLACEMENTS = ("unauthenticated", "insufficient_scope", "invalid_request", "no_session_id", "repeated_header")
"""Codes of the same refusals on the placement route, where the status is 503 for all."""
REFUSED_LOG_RATE = Rate(per_second=0.1, burst=10)
"""Rate limit of logged refusals per key and address, so that clients cannot flood the log."""
UNKNOWN_OUTCOME_STATUSES = (0, 500, 503)
"""Statuses after which a change may have been applied although the client cannot know (0: the client disconnected)."""

log = structlog.get_logger(__name__)


def log_startup_warnings(access: Access, environment: Iterable[str]) -> None:
    """Warn if authentication is off, and of unknown `SLTA_…` variables in the `environment`."""
    if access.is_open:
        log.warning("no_access_control", why="authentication is off: every program on this machine has full access")
    for name in unknown_variables(environment):
        log.warning("unknown_setting", variable=name)


class RequestLog:
    """Logs each change of a fleet, and refused or invalid requests."""

    def __init__(self) -> None:
        self._refusals = RateLimiter(REFUSED_LOG_RATE)
        self._is_debug = log.is_enabled_for(logging.DEBUG)  # otherwise most lines need not be built

    def __call__(self, record: RequestRecord) -> None:
        """Log changes, unknown outcomes and refusals at info, all other requests at debug."""
        for event in record.author.events if record.author else ():
            log.info("change", fleet=record.fleet, **_fields_of(event))
        is_info = self._is_info(record)
        if not (is_info or self._is_debug):
            return
        emit = log.info if is_info else log.debug
        emit(
            "request",
            request_id=record.request_id,
            method=record.method,
            route=record.route,
            status=record.status,
            code=record.problem,
            ms=round(1000 * record.seconds, 2),
            fleet=record.fleet,
            key_id=record.key_id,
            address=record.address,
        )

    def _is_info(self, record: RequestRecord) -> bool:
        """Whether a request is logged at info: a change with an unknown outcome, or a refusal within the rate limit."""
        if record.author and record.status in UNKNOWN_OUTCOME_STATUSES:
            return True
        is_refusal = record.status in REFUSED_STATUSES or record.problem in REFUSED_PLACEMENTS
        return is_refusal and not self._refusals.take(f"{record.key_id} {record.address}")


def _fields_of(event: Event) -> dict[str, object]:
    """Fields of an event, without its time, as the line has a timestamp."""
    fields = asdict(event, dict_factory=lambda pairs: {name: value for name, value in pairs if value is not None})
    return {name: value for name, value in fields.items() if name not in ("at", "time")}
