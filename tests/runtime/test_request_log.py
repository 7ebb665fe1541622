"""What the log has of requests: who changed what, and who was refused."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from slta.api.app import build_api
from slta.api.http.guards import TrustedProxies
from slta.auth.keys import Access
from slta.models.request_record import Author, Event, RequestRecord
from slta.runtime import request_log
from slta.runtime.request_log import REFUSED_LOG_RATE, RequestLog
from slta.runtime.settings import Settings
from tests.api.conftest import no_metrics
from tests.api.served import served

EVENT = Event(
    at=1.0, time=1.0, action="remove_pool", outcome="done", times=1, request_id="r-1", key_id="k", address="192.0.2.7"
)


def record(
    status: int, *events: Event, method: str = "POST", key_id: str = "k", address: str = "192.0.2.7"
) -> RequestRecord:
    """A request that may change a fleet, and what came of it."""
    route = "/v1/fleets/{fleet}/pools/{pool_id}/drain"
    author = Author("r-1", key_id, address, list(events)) if method == "POST" else None
    return RequestRecord("r-1", method, route, status, 0.25, "f", key_id, address=address, author=author)


@pytest.fixture(autouse=True)
def all_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "log", structlog.get_logger())


def told(*records: RequestRecord) -> list[tuple[str, str]]:
    log = RequestLog()
    with capture_logs() as logs:
        for one in records:
            log(one)
    return [(entry["event"], entry["log_level"]) for entry in logs]


REQUEST, LOUD_REQUEST, CHANGE = ("request", "debug"), ("request", "info"), ("change", "info")


def test_each_change_is_told_whatever_came_of_it_and_other_requests_are_not() -> None:
    assert told(record(200, EVENT)) == told(record(409, EVENT)) == [CHANGE, REQUEST]
    assert told(record(200, EVENT, EVENT)) == [CHANGE, CHANGE, REQUEST]
    assert told(record(200), record(200, method="GET"), record(404), record(503, method="GET")) == [REQUEST] * 4


def test_a_refusal_is_told_and_a_change_of_which_nobody_knows_whether_it_was_made() -> None:
    assert told(*(record(status, method="GET") for status in (401, 403, 422))) == [LOUD_REQUEST] * 3
    assert told(*(record(status) for status in (0, 500, 503))) == [LOUD_REQUEST] * 3


def test_a_refused_placement_is_told_as_other_refusals_are_though_its_status_is_503() -> None:
    refused = record(503, method="GET")
    assert (
        told(*(refused._replace(problem=code) for code in ("unauthenticated", "no_session_id"))) == [LOUD_REQUEST] * 2
    )
    assert told(refused._replace(problem="no_capacity")) == [REQUEST]


def test_each_key_and_address_fills_the_log_with_so_many_refusals_and_no_more() -> None:
    found = told(*[record(401)] * 100, record(401, address="192.0.2.8"), record(403, key_id="other"))
    loud = REFUSED_LOG_RATE.burst
    assert found == [LOUD_REQUEST] * loud + [REQUEST] * (100 - loud) + [LOUD_REQUEST] * 2


async def test_the_log_says_whom_a_trusted_proxy_asked_for() -> None:
    records: list[RequestRecord] = []
    proxies = TrustedProxies(Settings(auth=False, trusted_proxies="127.0.0.1, 10.0.0.0/8").trusted_proxies)
    for believed in (proxies, None):
        given: dict[str, Any] = {"observe_request": records.append, "proxies": believed}
        app = build_api(store=None, access=Access.open(), render_metrics=no_metrics, **given)
        async with served(app) as here:
            asked = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7, 10.1.2.3\r\n"
            await here.say(asked + b"Connection: close\r\n\r\n")
    assert [one.address for one in records] == ["192.0.2.7", "127.0.0.1"]
