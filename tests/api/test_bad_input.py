"""What must not work: each with its status and code, nothing changed, and never a 500."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from redis import Redis

from slta.api.http.bodies import check_body
from slta.api.http.context import RequestContext
from slta.api.http.problems import HttpError
from tests.api.conftest import as_of, assign

JSON = {"Content-Type": "application/json"}
SECRET = "s3cret-" * 40


def everything(redis: Redis) -> dict[bytes, bytes]:
    """Every key as the server would dump it."""
    return {key: redis.dump(key) for key in redis.scan_iter()}


BODIES: dict[str, tuple[bytes, int, str]] = {
    "NaN": (b'{"session_id": "a", "lease_seconds": NaN}', 400, "invalid_json"),
    "Infinity": (b'{"session_id": "a", "lease_seconds": Infinity}', 400, "invalid_json"),
    "minus Infinity": (b'{"session_id": "a", "lease_seconds": -Infinity}', 400, "invalid_json"),
    "1e999": (b'{"session_id": "a", "lease_seconds": 1e999}', 422, "invalid_request"),
    "an exponent of thirty digits": (b'{"lease_seconds": 1e' + b"9" * 30 + b"}", 400, "invalid_json"),
    "10^400": (b'{"session_id": "a", "lease_seconds": 1' + b"0" * 400 + b"}", 422, "invalid_request"),
    "an integer of 1,001 digits": (b'{"lease_seconds": ' + b"1" * 1001 + b"}", 400, "invalid_json"),
    "a fraction of 1,001 digits": (b'{"lease_seconds": 1.' + b"1" * 1000 + b"}", 400, "invalid_json"),
    "a dot as id": (b'{"session_id": "."}', 422, "invalid_request"),
    "two dots as id": (b'{"session_id": ".."}', 422, "invalid_request"),
    "10^5000": (b'{"session_id": "a", "lease_seconds": 1' + b"0" * 5000 + b"}", 400, "invalid_json"),
    "a fraction of 40 digits": (b'{"lease_seconds": 1.' + b"1" * 40 + b"}", 422, "invalid_request"),
    "a lone surrogate": (rb'{"session_id": "\ud800"}', 422, "invalid_request"),
    "a lone surrogate as a key": (rb'{"\udfff": 1}', 422, "invalid_request"),
    "bytes that are not UTF-8": (b'{"session_id": "\xff\xfe"}', 400, "invalid_json"),
    "UTF-16": ('{"session_id": "a"}'.encode("utf-16"), 400, "invalid_json"),
    "a byte order mark": (b'\xef\xbb\xbf{"session_id": "a"}', 400, "invalid_json"),
    "NUL in a string": (rb'{"session_id": "a\u0000"}', 422, "invalid_request"),
    "NUL in the text": (b'{"session_id": "a\x00"}', 400, "invalid_json"),
    "a newline at the end of an id": (rb'{"session_id": "a\n"}', 422, "invalid_request"),
    "a key twice": (b'{"session_id": "a", "session_id": "b"}', 400, "invalid_json"),
    "a key twice, escaped": (rb'{"session_id": "a", "session\u005fid": "b"}', 400, "invalid_json"),
    "60 brackets": (b"[" * 60, 400, "invalid_json"),
    "30,000 brackets": (b"[" * 30_000, 422, "invalid_request"),
    "30,000 objects": (b'{"a":' * 12_000, 422, "invalid_request"),
    "200 members": (b"{" + b",".join(b'"%d": 1' % k for k in range(200)) + b"}", 422, "invalid_request"),
    "21 members": (b"{" + b",".join(b'"%d": 1' % k for k in range(21)) + b"}", 400, "invalid_json"),
    "20 members": (b"{" + b",".join(b'"%d": 1' % k for k in range(20)) + b"}", 422, "invalid_request"),
    "an unknown field": (b'{"session_id": "a", "weight": 1}', 422, "invalid_request"),
    "a list": (b'["a"]', 422, "invalid_request"),
    "a string": (b'"a"', 422, "invalid_request"),
    "null": (b"null", 422, "invalid_request"),
    "a number as id": (b'{"session_id": 7}', 422, "invalid_request"),
    "an empty id": (b'{"session_id": ""}', 422, "invalid_request"),
    "an id of 129": (b'{"session_id": "' + b"a" * 129 + b'"}', 422, "invalid_request"),
    "a brace in an id": (b'{"session_id": "a}b{c"}', 422, "invalid_request"),
    "a look-alike letter": ('{"session_id": "\u0430"}'.encode(), 422, "invalid_request"),
    "a negative lease": (b'{"session_id": "a", "lease_seconds": -1}', 422, "invalid_request"),
    "a lease of eleven years": (b'{"session_id": "a", "lease_seconds": 346896000}', 422, "invalid_request"),
    "a lease that rounds to none": (b'{"session_id": "a", "lease_seconds": 1e-7}', 422, "invalid_request"),
    "a lease as text": (b'{"session_id": "a", "lease_seconds": "60"}', 422, "invalid_request"),
    "a lease as a boolean": (b'{"session_id": "a", "lease_seconds": true}', 422, "invalid_request"),
    "not JSON": (b"session_id=a", 400, "invalid_json"),
    "half of JSON": (b'{"session_id": "a"', 400, "invalid_json"),
    "two values": (b'{"session_id": "a"} {}', 400, "invalid_json"),
    "a comma too many": (b'{"session_id": "a",}', 400, "invalid_json"),
    "64 KiB and a byte": (b" " * (64 * 1024 + 1), 413, "payload_too_large"),
    "a megabyte": (b'{"session_id": "' + b"a" * 1_000_000 + b'"}', 413, "payload_too_large"),
}


@pytest.mark.parametrize("operation", ["assign", "complete"])
@pytest.mark.parametrize("case", BODIES)
async def test_a_body_that_is_not_what_it_should_be(
    api: httpx.AsyncClient, fleet: str, redis: Redis, case: str, operation: str
) -> None:
    body, status, code = BODIES[case]
    before = everything(redis)
    answer = await api.post(f"{fleet}/{operation}", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert everything(redis) == before


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


ID = "a"
WRONG: list[tuple[str, str, Any, int, str]] = [
    ("POST", "/v1/fleets/nowhere/assign", {"session_id": ID}, 404, "unknown_fleet"),
    ("POST", "/v1/fleets/nowhere/complete", {"session_id": ID}, 404, "unknown_fleet"),
    ("POST", "/v1/fleets/nowhere/renew", {"session_ids": [ID]}, 404, "unknown_fleet"),
    ("GET", "/v1/fleets/nowhere/sessions/a", None, 404, "unknown_fleet"),
    ("GET", "/v1/fleets/nowhere", None, 404, "unknown_fleet"),
    ("DELETE", "/v1/fleets/nowhere", None, 404, "unknown_fleet"),
    ("GET", "/v1/fleets/nowhere/state", None, 404, "unknown_fleet"),
    ("GET", "/v1/fleets/nowhere/averages?window=60", None, 404, "unknown_fleet"),
    ("GET", "/v1/fleets/nowhere/optimum", None, 404, "unknown_fleet"),
    ("GET", "/v1/fleets/nowhere/pools", None, 404, "unknown_fleet"),
    ("POST", "/v1/fleets/nowhere/pools", {"pools": [{"pool_id": "p", "pool_class": "small"}]}, 404, "unknown_fleet"),
    ("PUT", "/v1/fleets/nowhere/pools/p", {"pool_class": "small"}, 404, "unknown_fleet"),
    ("POST", "/v1/fleets/{x}/assign", {"session_id": ID}, 422, "invalid_request"),
    ("POST", "/v1/fleets/a}b{c/assign", {"session_id": ID}, 422, "invalid_request"),
    ("POST", "/v1/fleets/f%0A/assign", {"session_id": ID}, 422, "invalid_request"),
    ("POST", "/v1/fleets/%D1%84/assign", {"session_id": ID}, 422, "invalid_request"),
    ("POST", f"/v1/fleets/{'f' * 129}/assign", {"session_id": ID}, 422, "invalid_request"),
    ("PUT", "/v1/fleets/{x}", {}, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/pools/%7Bp%7D", None, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/sessions/%7Bs%7D", None, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/sessions/s%0A", None, 422, "invalid_request"),
    ("POST", "/v1/fleets/f/complete", {}, 422, "invalid_request"),
    ("POST", "/v1/fleets/f/renew", {}, 422, "invalid_request"),
    ("POST", "/v1/fleets/f/renew", {"session_ids": "a"}, 422, "invalid_request"),
    ("POST", "/v1/fleets/f/renew", {"session_ids": [1]}, 422, "invalid_request"),
    ("POST", "/v1/fleets/f/renew", {"session_ids": ["a"] * 1001}, 422, "invalid_request"),
    ("POST", "/v1/fleets/f/renew", {"session_ids": nested(200)}, 422, "invalid_request"),
    ("POST", "/v1/fleets/f/pools", {"pools": [{"pool_id": "p"}]}, 422, "invalid_request"),
    ("POST", "/v1/fleets/f/pools", {"pools": [{"pool_id": "p", "pool_class": "x"}]}, 422, "unknown_class"),
    ("PUT", "/v1/fleets/f/pools/p", {"pool_class": "x"}, 422, "unknown_class"),
    ("PUT", "/v1/fleets/f/pools/p", {"pool_class": "small", "status": "active"}, 422, "invalid_request"),
    ("PUT", "/v1/fleets/f/pools/p/sessions", {"session_ids": []}, 422, "invalid_request"),
    ("PUT", "/v1/fleets/f/pools/p/sessions", {"as_of": 1, "session_ids": []}, 422, "invalid_request"),
    ("PUT", "/v1/fleets/f/pools/p/sessions", {"as_of": "1", "session_ids": []}, 422, "invalid_request"),
    ("PUT", "/v1/fleets/f/pools/p/sessions", {"as_of": "1:1", "session_ids": []}, 404, "unknown_pool"),
    ("GET", "/v1/fleets/f/pools?limit=0", None, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/pools?limit=1001", None, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/pools?limit=ten", None, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/pools?cursor=x", None, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/pools?limt=1", None, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/state?limit=1", None, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/averages", None, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/averages?window=61", None, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/averages?window=60&since=x", None, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/averages?window=60&window=60", None, 422, "invalid_request"),
    ("GET", "/v1/fleets/f/averages?since=x", None, 422, "invalid_integrals"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "url", "body", "status", "code"), WRONG)
async def test_a_request_that_asks_for_what_there_is_not(
    api: httpx.AsyncClient, fleet: str, method: str, url: str, body: Any, status: int, code: str
) -> None:
    before = await configuration(api, fleet)
    answer = await api.request(method, url, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await configuration(api, fleet) == before
    assert (await api.get("/v1/fleets")).json() == {"fleets": ["f"]}


async def configuration(api: httpx.AsyncClient, fleet: str) -> list[Any]:
    """All that a client could have changed."""
    state = (await api.get(f"{fleet}/state")).json()
    kept = {name: state[name] for name in state if name not in ("as_of", "time", "integrals")}
    return [kept, (await api.get(fleet)).json(), (await api.get(f"{fleet}/pools")).json()]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
        ({"Content-Type": "application/json; charset=latin-1"}, 415, "unsupported_media_type"),
        ({"Content-Type": "application/json/x"}, 415, "unsupported_media_type"),
        ({}, 415, "unsupported_media_type"),
        (JSON | {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
        (JSON | {"Accept": "text/html"}, 406, "not_acceptable"),
        (JSON | {"Accept": "application/json;q=0"}, 406, "not_acceptable"),
        (JSON | {"Accept": "application/*"}, 201, None),
        (JSON | {"Accept": "text/html, application/json;q=0.1"}, 201, None),
        ({"Content-Type": 'application/json; charset="UTF-8"'}, 201, None),
        ({"Content-Type": "Application/JSON"}, 201, None),
    ],
)
@pytest.mark.parametrize("operation", ["assign", "pools/x"])
async def test_media_types_are_negotiated(
    api: httpx.AsyncClient, fleet: str, headers: dict[str, str], status: int, code: str | None, operation: str
) -> None:
    method, body = ("POST", b'{"session_id": "a"}') if operation == "assign" else ("PUT", b'{"pool_class": "small"}')
    answer = await api.request(method, f"{fleet}/{operation}", content=body, headers=headers)
    assert (answer.status_code, answer.json().get("code")) == (status, code)


async def test_a_body_without_a_length_is_counted_as_it_arrives(api: httpx.AsyncClient, fleet: str) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024
            yield b" " * 1024

    answer = await api.post(f"{fleet}/assign", content=endless(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert answer.headers["Connection"] == "close"
    assert sent <= 66 * 1024


@pytest.mark.parametrize(
    ("method", "url", "limit"),
    [
        ("POST", "assign", 64),
        ("POST", "complete", 64),
        ("PUT", "pools/x", 64),
        ("PUT", "", 256),
        ("POST", "pools", 1024),
        ("POST", "renew", 1024),
        ("PUT", "pools/x/sessions", 1024),
    ],
)
async def test_each_body_has_its_limit_in_kib(
    api: httpx.AsyncClient, fleet: str, method: str, url: str, limit: int
) -> None:
    url = f"{fleet}/{url}".rstrip("/")
    within = await api.request(method, url, content=b" " * limit * 1024, headers=JSON)
    beyond = await api.request(method, url, content=b" " * (limit * 1024 + 1), headers=JSON)
    assert (within.json()["code"], beyond.json()["code"]) == ("invalid_json", "payload_too_large")


def test_a_body_that_has_arrived_whole_has_the_same_limit() -> None:
    # A server that reads more at once than a body may have hands such a body over whole.
    context = RequestContext("r", {b"content-type": b"application/json"}, "", 0.0)
    held: list[int] = []
    check_body(context, b" " * 2000, 2000, lambda _, size: held.append(size))
    assert held == [2000]
    with pytest.raises(HttpError) as refused:
        check_body(context, b" " * 2001, 2000, lambda _, size: held.append(size))
    assert (refused.value.status, refused.value.code) == (413, "payload_too_large")


@pytest.mark.parametrize(
    ("method", "url", "body", "detail"),
    [
        (
            "POST",
            "operations",
            {"operations": [{"complete": {}}] * 9},
            "operations[0].complete.session_id: field required",
        ),
        ("POST", "renew", {"session_ids": ["a", *"/////"]}, "session_ids[1]: must be a name"),
        ("POST", "pools", {"pools": [{"pool_id": "a", "pool_class": "/"}] * 9}, "pools[0].pool_class: must be a name"),
        ("PUT", "pools/x/sessions", {"as_of": "1:1", "session_ids": [1] * 9}, "session_ids[0]: input should be"),
        (
            "PUT",
            "",
            {
                "classes": [
                    {"name": "a", "capacity": 4, "utility": {"kind": "table", "values": [0, "1", "2", "3", "4"]}}
                ]
            },
            "classes[0].utility.values[1]: must be a number",
        ),
    ],
)
async def test_a_list_is_validated_up_to_its_first_wrong_element(
    api: httpx.AsyncClient, fleet: str, method: str, url: str, body: Any, detail: str
) -> None:
    answer = await api.request(method, f"{fleet}/{url}".rstrip("/"), json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(detail)
    assert ";" not in answer.json()["detail"]


async def test_no_answer_repeats_what_was_sent(api: httpx.AsyncClient, fleet: str) -> None:
    for method, url, body in (
        ("POST", "assign", {"session_id": SECRET}),
        ("POST", "assign", {SECRET: 1}),
        ("POST", "assign", {"session_id": {SECRET: SECRET}}),
        ("PUT", "", {"policy": SECRET, "classes": SECRET}),
        ("PUT", "", {"classes": [{"name": "a", "capacity": 1, "utility": {"kind": SECRET}}]}),
        ("GET", f"averages?since={SECRET}", None),
        ("GET", f"averages?{SECRET}=1", None),
        ("GET", f"pools?cursor={SECRET}", None),
        ("GET", f"sessions/{SECRET}", None),
        ("GET", f"{SECRET}/{SECRET}", None),
    ):
        answer = await api.request(method, f"{fleet}/{url}".rstrip("/"), json=body)
        assert answer.status_code in (404, 422)
        assert "s3cret" not in answer.text
        assert "s3cret" not in str(answer.headers)
        assert len(answer.content) <= 1024


async def test_a_problem_has_all_its_members(api: httpx.AsyncClient, fleet: str) -> None:
    answer = await api.get(f"{fleet}/sessions/never")
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem == {
        "type": "urn:slta:problem:unknown_session",
        "title": "Not Found",
        "status": 404,
        "detail": problem["detail"],
        "code": "unknown_session",
        "request_id": answer.headers["X-Request-ID"],
    }


async def test_a_list_of_the_largest_size_is_taken(api: httpx.AsyncClient, fleet: str) -> None:
    (pool_id,) = await assign(api, fleet, "here")
    ids = [f"{'s' * 120}{k:04d}" for k in range(7999)] + ["here"]
    report = {"as_of": await as_of(api, fleet), "session_ids": ids}
    answer = await api.put(f"{fleet}/pools/{pool_id}/sessions", json=report)
    assert answer.status_code == 200
    # The pool has room for 4 and holds one.
    assert (len(answer.json()["adopted"]), len(answer.json()["over_capacity"])) == (3, 7996)
