"""What a dispatcher logs of itself: what stands open, and each request that it answered."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from service.access.keys import Access
from service.access.rate_limit import Rate, RateLimiter
from service.api.direct import HOT_CALLS
from service.process.settings import unknown_variables
from service.requests import RequestRecord

REFUSED = (401, 403, 422)
REFUSALS = Rate(per_second=0.1, burst=10)
"""Refusals of one key and address that are logged; nobody fills the log by asking."""
HOT_ROUTES = {hot.route for hot in HOT_CALLS.values()}

log = structlog.get_logger(__name__)


def announce_openings(access: Access, environment: Iterable[str]) -> None:
    """Warn where nobody needs a key, and of variables of the `environment` that look like settings and are none."""
    if access.is_open:
        log.warning("no_access_control", why="nobody needs a key: every program on this machine may do everything")
    for name in unknown_variables(environment):
        log.warning("unknown_setting", variable=name)


class RequestLog:
    """What the log has of requests: changes of fleets and pools, and those that were not let in or made no sense."""

    def __init__(self) -> None:
        self._refusals = RateLimiter(REFUSALS)

    def __call__(self, record: RequestRecord) -> None:
        """Log a request: changes and refusals at info, all others at debug."""
        changed = record.method != "GET" and record.status < 300 and record.route not in HOT_ROUTES
        told = changed or (record.status in REFUSED and not self._refusals.take(f"{record.key_id} {record.address}"))
        say = log.info if told else log.debug
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
