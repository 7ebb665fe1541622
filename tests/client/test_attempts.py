"""One HTTP attempt: what is left of its deadline, its headers, and what a client counts."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client import REGISTRY

from slta_client import AsyncClient, UnavailableError
from slta_client.attempts import Attempt, reply_of
from slta_client.options import Options
from slta_client.replies import Reply, failed, outcomes
from slta_client.steps import Send
from tests.inventory import each


@each(
    ("error", "code"),
    [
        (httpx.ConnectError(""), "unreachable"),
        (httpx.ConnectTimeout(""), "unreachable"),
        (httpx.PoolTimeout(""), "unreachable"),
        (httpx.ReadTimeout(""), "timeout"),
        (TimeoutError(), "timeout"),
        (httpx.RemoteProtocolError(""), "disconnected"),
        (httpx.ReadError(""), "disconnected"),
        (httpx.DecodingError(""), "disconnected"),
    ],
)
def test_an_error_of_httpx_is_one_of_four_reasons(error: Exception, code: str) -> None:
    assert Attempt(1).failure(error) == failed(code)


@each(("etag", "expected"), [(b'"1"', '"1"'), (b'"\xe9"', None)])
def test_an_etag_is_one_that_a_request_can_have(etag: bytes, expected: str | None) -> None:
    assert reply_of(httpx.Response(200, headers=[(b"ETag", etag)], json={"fleet": "a"})).etag == expected


def test_only_a_connection_that_was_not_made_for_the_request_is_reused() -> None:
    attempt = Attempt(1)
    attempt.noted("http11.send_request_headers.started", None)
    assert attempt.failure(httpx.ReadError("")).reused
    attempt.noted("connection.connect_tcp.started", None)
    attempt.noted("http11.send_request_headers.started", None)
    assert not attempt.failure(httpx.ReadError("")).reused


def test_a_local_error_is_never_that_of_a_reused_connection() -> None:
    attempt = Attempt(1)
    attempt.noted("http11.send_request_headers.started", None)
    assert not attempt.failure(httpx.LocalProtocolError("")).reused


def test_each_step_of_a_request_has_what_is_left_of_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("slta_client.attempts.time.monotonic", lambda: now[0])
    attempt = Attempt(1.0)
    timeouts = attempt.extensions(attempt.noted)["timeout"]
    for now[0], left in ((1000.25, 0.75), (1002.0, 0.001)):
        attempt.noted("http11.receive_response_headers.started", None)
        assert timeouts == dict.fromkeys(("connect", "read", "write", "pool"), left)


@each(
    ("headers", "seconds"),
    [({"Retry-After": "2"}, 2.0), ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0), ({}, 0.0)],
)
def test_retry_after_is_read_in_seconds(headers: dict[str, str], seconds: float) -> None:
    reply = reply_of(httpx.Response(503, headers=headers, json={"code": "overloaded"}))
    assert (reply.code, reply.retry_after) == ("overloaded", seconds)


@each("content", [b"", b"<html>", b"[]", b'{"code": 3}', b'{"code": "Not a code"}', b"\xff", b"[" * 100_000])
def test_a_response_without_a_problem_document_is_named_by_its_status(content: bytes) -> None:
    assert reply_of(httpx.Response(502, content=content)).code == "http_502"


@each("body", [{}, {"code": ""}, {"code": 3}, {"code": "Not a code"}])
def test_an_outcome_without_a_problem_code_is_a_failure_named_by_its_status(body: dict[str, object]) -> None:
    (outcome,) = outcomes(Reply(200, "", {"outcomes": [{"status": 503, "body": body}]}), 1)
    assert (outcome.ok, outcome.code) == (False, "http_503")


@each(("value", "seconds"), [(2, 2.0), (0.5, 0.5), (None, 0.0), ("x", None), ([1], None), (-1, None), (10**400, None)])
def test_a_member_that_is_no_number_of_seconds_is_none(value: object, seconds: float | None) -> None:
    assert Reply(200, "", {"lease_seconds": value}).seconds("lease_seconds") == seconds


def test_the_key_is_sent() -> None:
    options = Options(
        url="http://slta/base/",
        fleets=("f",),
        key="id.secret",
        timeout=1,
        wait=None,
        lease_seconds=None,
        on_lost=None,
        verify=False,
    )
    assert options.http()["headers"]["Authorization"] == "Bearer id.secret"
    assert options.request(Send("f", "assign", {}, 1.0))["url"] == "http://slta/base/v1/fleets/f/assign"


async def test_calls_are_counted_by_their_code() -> None:
    labels = {"call": "assign", "code": "unreachable"}

    def count() -> float:
        return REGISTRY.get_sample_value("slta_client_calls_total", labels) or 0.0

    before = count()
    async with AsyncClient("http://127.0.0.1:1", "f", timeout=1) as client:
        with pytest.raises(UnavailableError):
            await client.session().__aenter__()
    assert count() > before
    assert REGISTRY.get_sample_value("slta_client_live_sessions") == 0
