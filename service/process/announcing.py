"""What a dispatcher logs of itself: what stands open, and each request that it answered."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict

import structlog

from service.access.keys import Access
from service.access.rate_limit import Rate, RateLimiter
from service.process.settings import unknown_variables
from service.requests import Event, RequestRecord

REFUSED = (401, 403, 422)
REFUSALS = Rate(per_second=0.1, burst=10)
"""Refusals of one key and address that are logged; nobody fills the log by asking."""
UNSURE = (0, 500, 503)
"""What a change may be answered, or left with, that was made all the same."""

log = structlog.get_logger(__name__)


def announce_openings(access: Access, environment: Iterable[str]) -> None:
    """Warn where nobody needs a key, and of variables of the `environment` that look like settings and are none."""
    if access.is_open:
        log.warning("no_access_control", why="nobody needs a key: every program on this machine may do everything")
    for name in unknown_variables(environment):
        log.warning("unknown_setting", variable=name)


class RequestLog:
    """What the log has of requests: each change of a fleet, and those that were not let in or made no sense."""

    def __init__(self) -> None:
        self._refusals = RateLimiter(REFUSALS)
        self._tells_all = log.is_enabled_for(logging.DEBUG)  # else most lines need not be built

    def __call__(self, record: RequestRecord) -> None:
        """Log what came of a request at info, a refusal too, and all requests at debug."""
        for event in record.author.events if record.author else ():
            log.info("change", fleet=record.fleet, **_told(event))
        is_told = self._is_told(record)
        if not (is_told or self._tells_all):
            return
        say = log.info if is_told else log.debug
        say(
            "request",
            request_id=record.request_id,
            method=record.method,
            route=record.route,
            status=record.status,
            ms=round(1000 * record.seconds, 2),
            fleet=record.fleet,
            key_id=record.key_id,
            address=record.address,
        )

    def _is_told(self, record: RequestRecord) -> bool:
        """A change that may have been made although nobody knows; and refusals, where they are not too many."""
        if record.author and record.status in UNSURE:
            return True
        return record.status in REFUSED and not self._refusals.take(f"{record.key_id} {record.address}")


def _told(event: Event) -> dict[str, object]:
    """What is known of an event; the line has a time of its own."""
    facts = asdict(event, dict_factory=lambda pairs: {name: value for name, value in pairs if value is not None})
    return {name: value for name, value in facts.items() if name not in ("at", "time")}
