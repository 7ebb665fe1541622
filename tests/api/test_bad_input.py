"""What must not work: each with its status and code, nothing changed, and never a 500."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis import Redis

from slta.api.http.bodies import read_body
from slta.api.http.guards import RequestContext
from slta.api.http.responses import HttpError
from tests.api.conftest import Api, dumped, refusal
from tests.api.worst_bodies import CALLS

JSON = {"Content-Type": "application/json"}
SECRET = "s3cret-" * 40


def members(count: int) -> bytes:
    return b"{" + b",".join(b'"%d": 1' % k for k in range(count)) + b"}"


BODIES: dict[tuple[int, str], list[bytes]] = {
    (400, "invalid_json"): [
        *(b'{"session_id": "a", "lease_seconds": %b}' % number for number in (b"NaN", b"Infinity", b"-Infinity")),
        b'{"lease_seconds": 1e' + b"9" * 30 + b"}", b'{"lease_seconds": ' + b"1" * 1001 + b"}",
        b'{"lease_seconds": 1.' + b"1" * 1000 + b"}", b'{"session_id": "a", "lease_seconds": 1' + b"0" * 5000 + b"}",
        b'{"session_id": "\xff\xfe"}', '{"session_id": "a"}'.encode("utf-16"), b'\xef\xbb\xbf{"session_id": "a"}',
        b'{"session_id": "a\x00"}', b'{"session_id": "a", "session_id": "b"}',
        rb'{"session_id": "a", "session\u005fid": "b"}', b"[" * 60, members(21), b"session_id=a",
        b'{"session_id": "a"', b'{"session_id": "a"} {}', b'{"session_id": "a",}',
    ],
    (422, "invalid_request"): [
        *(b'{"session_id": "a", "lease_seconds": %b}' % lease
          for lease in (b"1e999", b"1" + b"0" * 400, b"-1", b"346896000", b"1e-7", b'"60"', b"true")),
        b'{"lease_seconds": 1.' + b"1" * 40 + b"}",
        *(b'{"session_id": "%b"}' % id_
          for id_ in (b".", b"..", rb"\ud800", rb"a\u0000", rb"a\n", b"", b"a" * 129, b"a}b{c", "\u0430".encode())),
        rb'{"\udfff": 1}', b"[" * 30_000, b'{"a":' * 12_000, members(200), members(20),
        b'{"session_id": "a", "weight": 1}', b'["a"]', b'"a"', b"null", b'{"session_id": 7}',
    ],
    (413, "payload_too_large"): [b" " * (64 * 1024 + 1), b'{"session_id": "' + b"a" * 1_000_000 + b'"}'],
}  # fmt: skip


@pytest.mark.parametrize("operation", ["assign", "complete"])
async def test_a_wrong_body_is_refused_and_changes_nothing(api: Api, fleet: str, redis: Redis, operation: str) -> None:
    before = dumped(redis)
    for expected, bodies in BODIES.items():
        answers = [refusal(await api.post(f"{fleet}/{operation}", content=body, headers=JSON)) for body in bodies]
        assert [body[:99] for body, found in zip(bodies, answers, strict=True) if found != expected] == []
        assert dumped(redis) == before


ID = "a"
NOWHERE = {
    "GET": ("", "/sessions/a", "/state", "/averages?window=60", "/pools", "/endpoints"),
    "DELETE": ("",),
    "POST": ("/assign", "/complete", "/renew", "/pools"),
    "PUT": ("/pools/p",),
}
"""Calls of a fleet that does not exist. Each body has what all of them take."""
BODY_OF = {
    "/renew": {"session_ids": [ID]},
    "/pools": {"pools": [{"pool_id": "p", "pool_class": "small"}]},
    "/pools/p": {"pool_class": "small"},
    "/assign": {"session_id": ID},
    "/complete": {"session_id": ID},
}
NAMES = ("{x}", "a}b{c", "f%0A", "%D1%84", "f" * 129)
QUERIES = (
    "pools?limit=0", "pools?limit=1001", "pools?limit=ten", "pools?cursor=x", "pools?limt=1", "events?limit=0",
    "pools/large-1/sessions?limit=0", "pools/large-1/sessions?cursor=%2F", "state?limit=1",
    "averages", "averages?window=61", "averages?window=60&since=x", "averages?window=60&window=60",
    "pools/%7Bp%7D", "sessions/%7Bs%7D", "sessions/s%0A",
)  # fmt: skip
RENEWALS: tuple[dict[str, Any], ...] = ({}, *({"session_ids": ids} for ids in ("a", [1], ["a"] * 1001)))
REPORTS: tuple[dict[str, Any], ...] = ({}, {"as_of": 1}, {"as_of": "1"})
WRONG: list[tuple[str, str, Any, int, str]] = [
    *(
        (method, f"nowhere{path}", BODY_OF.get(path) if method[0] == "P" else None, 404, "unknown_fleet")
        for method, paths in NOWHERE.items()
        for path in paths
    ),
    *(("POST", f"{name}/assign", {"session_id": ID}, 422, "invalid_request") for name in NAMES),
    *(("GET", f"f/{query}", None, 422, "invalid_request") for query in QUERIES),
    *(("POST", "f/renew", body, 422, "invalid_request") for body in RENEWALS),
    *(("PUT", "f/pools/p/sessions", {"session_ids": []} | body, 422, "invalid_request") for body in REPORTS),
    ("PUT", "f/pools/p/sessions", {"as_of": "1:1", "session_ids": []}, 404, "unknown_pool"),
    ("PUT", "{x}", {}, 422, "invalid_request"),
    ("POST", "f/complete", {}, 422, "invalid_request"),
    ("POST", "f/pools", {"pools": [{"pool_id": "p"}]}, 422, "invalid_request"),
    ("POST", "f/pools", {"pools": [{"pool_id": "p", "pool_class": "small"}] * 1001}, 422, "invalid_request"),
    ("POST", "f/pools", {"pools": [{"pool_id": "p", "pool_class": "x"}]}, 422, "unknown_class"),
    ("PUT", "f/pools/p", {"pool_class": "x"}, 422, "unknown_class"),
    ("PUT", "f/pools/p", {"pool_class": "small", "status": "active"}, 422, "invalid_request"),
    ("POST", "f/pools/guard", {"action": "end", "pool_class": "x"}, 422, "unknown_class"),
    ("GET", "f/averages?since=x", None, 422, "invalid_integrals"),
]


async def test_a_request_that_asks_for_what_there_is_not(api: Api, fleet: str) -> None:
    before = await configuration(api, fleet)
    for method, path, body, status, code in WRONG:
        assert refusal(await api.request(method, f"/v1/fleets/{path}", json=body)) == (status, code), (method, path)
        assert await configuration(api, fleet) == before
    assert (await api.get("/v1/fleets")).json()["fleets"] == ["f"]


async def configuration(api: Api, fleet: str) -> list[Any]:
    """All that a client could have changed."""
    state = (await api.get(f"{fleet}/state")).json()
    kept = {name: state[name] for name in state if name not in ("as_of", "time", "integrals")}
    return [kept, (await api.get(fleet)).json(), (await api.get(f"{fleet}/pools")).json()]


NEGOTIATED: dict[tuple[int, str | None], list[dict[str, str]]] = {
    (415, "unsupported_media_type"): [
        *({"Content-Type": f"{kind}"} for kind in ("text/plain", "application/x-www-form-urlencoded")),
        *({"Content-Type": f"application/json{rest}"} for rest in ("; charset=latin-1", "/x")),
        {},
        JSON | {"Content-Encoding": "gzip"},
    ],
    (406, "not_acceptable"): [JSON | {"Accept": kind} for kind in ("text/html", "application/json;q=0")],
    (201, None): [
        *(JSON | {"Accept": kind} for kind in ("application/*", "text/html, application/json;q=0.1")),
        *({"Content-Type": kind} for kind in ('application/json; charset="UTF-8"', "Application/JSON")),
    ],
}


async def test_media_types_are_negotiated(api: Api, fleet: str) -> None:
    for k, (expected, headers) in enumerate((e, h) for e, all_ in NEGOTIATED.items() for h in all_):
        for method, call, body in (
            ("POST", "assign", b'{"session_id": "a%d"}' % k),
            ("PUT", f"pools/x{k}", b'{"pool_class": "small"}'),
        ):
            answer = await api.request(method, f"{fleet}/{call}", content=body, headers=headers)
            assert (answer.status_code, answer.json().get("code")) == expected, (call, headers)


async def test_a_body_without_a_length_is_counted_as_it_arrives(api: Api, fleet: str) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024
            yield b" " * 1024

    answer = await api.post(f"{fleet}/assign", content=endless(), headers=JSON)
    assert refusal(answer) == (413, "payload_too_large")
    assert answer.headers["Connection"] == "close"
    assert sent <= 66 * 1024


async def test_each_body_has_its_limit_in_kib(api: Api, fleet: str) -> None:
    for method, path, limit, _ in CALLS:
        within = await api.request(method, fleet + path, content=b" " * limit * 1024, headers=JSON)
        beyond = await api.request(method, fleet + path, content=b" " * (limit * 1024 + 1), headers=JSON)
        assert (within.json()["code"], beyond.json()["code"]) == ("invalid_json", "payload_too_large"), path


async def test_a_body_that_has_arrived_whole_has_the_same_limit() -> None:
    # A server that reads more at once than a body may have hands such a body over whole.
    context = RequestContext("r", {b"content-type": b"application/json"}, "", 0.0)
    held: list[int] = []
    await read_body(context, b" " * 2000, 2000, lambda _, size: held.append(size))
    assert held == [2000]
    with pytest.raises(HttpError) as refused:
        await read_body(context, b" " * 2001, 2000, lambda _, size: held.append(size))
    assert (refused.value.status, refused.value.code) == (413, "payload_too_large")


async def test_no_answer_repeats_what_was_sent(api: Api, fleet: str) -> None:
    one_class = {"name": "a", "capacity": 1, "utility": {"kind": SECRET}}
    queries = (f"averages?since={SECRET}", f"averages?{SECRET}=1", f"pools?cursor={SECRET}")
    for method, url, body in (
        *(("POST", "assign", body) for body in ({"session_id": SECRET}, {SECRET: 1}, {"session_id": {SECRET: SECRET}})),
        *(("PUT", "", body) for body in ({"policy": SECRET, "classes": SECRET}, {"classes": [one_class]})),
        *(("GET", url, None) for url in (*queries, f"sessions/{SECRET}", f"{SECRET}/{SECRET}")),
    ):
        answer = await api.request(method, f"{fleet}/{url}".rstrip("/"), json=body)
        assert answer.status_code in (404, 422)
        assert "s3cret" not in answer.text
        assert "s3cret" not in str(answer.headers)
        assert len(answer.content) <= 1024


async def test_a_problem_has_all_its_members(api: Api, fleet: str) -> None:
    answer = await api.get(f"{fleet}/sessions/never")
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem == {
        "type": "urn:slta:problem:unknown_session",
        "title": "Unknown session",
        "status": 404,
        "detail": problem["detail"],
        "code": "unknown_session",
        "request_id": answer.headers["X-Request-ID"],
    }
