"""What the log has of requests: who changed what, and who was refused."""

from __future__ import annotations

import pytest
import structlog
from structlog.testing import capture_logs

from service.access.keys import Access
from service.api.application import build_api
from service.api.forwarding import TrustedProxies
from service.process import announcing
from service.process.announcing import REFUSALS, RequestLog
from service.process.settings import Settings
from service.requests import RequestRecord
from tests.api.conftest import no_metrics
from tests.api.served import served


def record(status: int, *, method: str = "POST", key_id: str = "k", address: str = "192.0.2.7") -> RequestRecord:
    route = "/v1/fleets/{fleet}/pools/{pool_id}/drain"
    return RequestRecord("r-1", method, route, status, 0.25, "f", key_id, address=address)


@pytest.fixture(autouse=True)
def all_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "log", structlog.get_logger())


def levels(*records: RequestRecord) -> list[str]:
    log = RequestLog()
    with capture_logs() as logs:
        for one in records:
            log(one)
    return [entry["log_level"] for entry in logs]


def test_a_change_and_a_refusal_are_told_and_other_requests_are_not() -> None:
    assert levels(record(200)) == ["info"]
    assert levels(*(record(status, method="GET") for status in (401, 403, 422))) == ["info"] * 3
    assert levels(record(200, method="GET"), record(409), record(503)) == ["debug"] * 3


def test_each_key_and_address_fills_the_log_with_so_many_refusals_and_no_more() -> None:
    told = levels(*[record(401)] * 100, record(401, address="192.0.2.8"), record(403, key_id="other"), record(200))
    assert told == ["info"] * REFUSALS.burst + ["debug"] * (100 - REFUSALS.burst) + ["info"] * 3


async def test_the_log_says_whom_a_trusted_proxy_asked_for() -> None:
    records: list[RequestRecord] = []
    proxies = TrustedProxies(Settings(auth="off", trusted_proxies="127.0.0.1, 10.0.0.0/8").trusted_proxies)
    for believed in (proxies, None):
        app = build_api(
            store=None,
            access=Access.open(),
            render_metrics=no_metrics,
            observe_request=records.append,
            proxies=believed,
        )
        async with served(app) as here:
            asked = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7, 10.1.2.3\r\n"
            await here.say(asked + b"Connection: close\r\n\r\n")
    assert [one.address for one in records] == ["192.0.2.7", "127.0.0.1"]
