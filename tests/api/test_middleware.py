"""What holds for every request and every answer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse
from structlog.testing import capture_logs

from slta.api.http.api_route import ApiRoute
from slta.api.http.route_options import allow, public
from slta.auth.keys import Access, generate_key
from slta.models.errors import StoreUnavailableError
from slta.models.request_record import RequestRecord
from slta.store import Store
from tests.api.conftest import Api, NewClient, refusal
from tests.api.raw_requests import call, last
from tests.api.served import Served, without_dates

CANARY = "redis://:s3cret@store.internal:6379"


async def test_every_answer_has_the_headers_that_make_it_harmless(api: Api, fleet: str) -> None:
    answers = [
        await api.get(fleet),
        await api.get(f"{fleet}/sessions/never"),
        await api.post(f"{fleet}/assign", content=b"{"),
        await api.request("TRACE", fleet),
        await api.get("/nothing"),
        await api.get("/healthz", headers={"Host": "elsewhere"}),
        await api.get(fleet, headers={"Host": "elsewhere"}),
        await api.delete(fleet),
        await api.get("/metrics"),
    ]
    assert [a.status_code for a in answers] == [200, 404, 415, 405, 404, 200, 400, 204, 200]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-ID"])
        assert "Server" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_harmless_request_id_is_kept(api: Api) -> None:
    harmless = "abc-1.2_3", "a" * 64
    for sent in (*harmless, "a" * 65, "a b", "", "\xe9", "a\tb"):
        answer = await api.get("/nothing", headers={b"X-Request-ID": sent.encode("latin-1")})
        assert (answer.headers["X-Request-ID"] == sent) is (sent in harmless), sent
        assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("allowed", "served", "refused"),
    [
        (
            None,
            ("localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080"),
            ("example.org", "localhost.example.org", ""),
        ),
        (["*"], ("anything.example",), ("",)),
        (["slta.example"], ("slta.example:443",), ("localhost",)),
        (["*.example"], ("a.example",), ("example", "badexample")),
    ],
)
async def test_only_hosts_on_the_list_are_served(
    store: Store, new_client: NewClient, allowed: list[str] | None, served: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    client = new_client(store, **({} if allowed is None else {"allowed_hosts": allowed}))
    for host in served:
        assert (await client.get("/v1/fleets", headers={"Host": host})).status_code == 200, host
    for host in refused:
        assert refusal(await client.get("/v1/fleets", headers={"Host": host})) == (400, "invalid_host"), host


HOSTS = {"localhost": 200, "": 400, "localhost\r\nhost: localhost": 400}


async def test_no_host_or_two_of_them_are_refused(here: Served) -> None:
    for host, status in HOSTS.items():
        said = await here.say(last(call("f", method="GET", host=host)))
        assert said.startswith(b"HTTP/1.1 %d " % status), host
    assert (await here.say(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


METHODS = {
    "DELETE, GET, HEAD, PUT": ("POST ", "TRACE ", "PATCH /pools/p"),
    "POST": ("OPTIONS /assign", "GET /assign", "HEAD /assign"),
    "GET, HEAD": ("DELETE /state",),
    "GET, HEAD, POST": ("DELETE /pools",),
}


async def test_a_wrong_method_is_told_the_right_ones(api: Api) -> None:
    for methods, wrong in ((methods, wrong) for methods, calls in METHODS.items() for wrong in calls):
        method, _, path = wrong.partition(" ")
        answer = await api.request(method, f"/v1/fleets/f{path}")
        assert (answer.status_code, answer.headers["Allow"]) == (405, methods), wrong
        assert method == "HEAD" or answer.json()["allow"] == methods.split(", "), wrong


@pytest.mark.parametrize("path", ["f", "f/pools", "g/state"])
async def test_head_has_the_headers_of_get_and_no_body(here: Served, path: str) -> None:
    got, head = [without_dates(await here.say(last(call(path, method=method)))) for method in ("GET", "HEAD")]
    assert (head, bool(got[-1])) == ([*got[:-1], b""], True)


FOREIGN = [{"Sec-Fetch-Site": f"{kind}-site"} for kind in ("cross", "same")]
FOREIGN += [{"Origin": origin} for origin in ("http://evil.example", "null", "http://localhost:1")]


@pytest.mark.parametrize("own", [{"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, {}])
async def test_a_page_of_another_site_can_drain_no_pool(api: Api, fleet: str, own: dict[str, str]) -> None:
    for headers in FOREIGN:
        assert (await api.post(f"{fleet}/pools/small-1/drain", headers=headers)).status_code == 403, headers
    assert (await api.get(f"{fleet}/pools/small-1", headers=FOREIGN[0])).json()["status"] == "active"
    assert (await api.post(f"{fleet}/pools/small-1/drain", headers=own)).json()["status"] == "draining"


OUT_OF = "/v1/fleets/f/%2e%2e/%2e%2e/metrics"
UNKNOWN = {
    **dict.fromkeys(("/nothing", "//", "/v1//fleets", "/v1/fleets//state", "/redoc", "/x", OUT_OF), "See /docs."),
    **dict.fromkeys(("/v1/fleets/", "/v1/fleets/f/", "/v1/fleets/f/state/"), "Leave out the slash at its end."),
    **dict.fromkeys(("/v1/", "/fleets"), "Did you mean /v1/fleets?"),
    "/health": "Did you mean /healthz?",
}


@pytest.mark.parametrize(("path", "where"), UNKNOWN.items())
async def test_unknown_paths_are_404_and_say_where(store: Store, new_client: NewClient, path: str, where: str) -> None:
    answer = await new_client(store, docs_enabled=True).get(path)
    assert refusal(answer) == (404, "not_found")
    assert answer.json()["detail"] == f"There is nothing at this path. {where}"


class BrokenRoom:
    def waiting_seconds(self, _: str) -> float:
        return 0.0

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, None]]:
        async def fail(*_: object, **__: object) -> None:
            raise RuntimeError(CANARY)

        return fail


class Broken:
    """A store whose client library raised something that nobody expected."""

    fleets = pools = sessions = BrokenRoom()


async def test_an_unexpected_error_tells_the_client_nothing_but_where_to_look(new_client: NewClient) -> None:
    client = new_client(Broken())
    with capture_logs() as logs:
        answers = [
            await client.post("/v1/fleets/f/assign", json={"session_id": "a"}),
            await client.get("/v1/fleets/f/state"),
            await client.put("/v1/fleets/f/pools/p", json={"pool_class": "small"}),
        ]
    for answer, entry in zip(answers, logs, strict=True):
        assert refusal(answer) == (500, "internal_error")
        assert "s3cret" not in answer.text
        assert (entry["event"], entry["error"]) == ("request_failed", "RuntimeError")
        assert entry["request_id"] == answer.json()["request_id"]
        assert "test_middleware.py" in "\n".join(entry["traceback"])
    assert "s3cret" not in str(logs)


async def test_an_error_after_the_answer_began_is_logged_and_ends_the_connection(new_client: NewClient) -> None:
    router = APIRouter(route_class=ApiRoute)

    async def half() -> AsyncIterator[str]:
        yield "half"
        raise StoreUnavailableError

    @router.get("/half")
    @public(offers=("text/plain",))
    async def get_half() -> Response:
        return StreamingResponse(half(), media_type="text/plain")

    client = new_client(None, extra_routers=[router])
    assert (await client.head("/half")).status_code == 200, "nothing after the first part is awaited"
    with capture_logs() as logs, pytest.raises(StoreUnavailableError):
        await client.get("/half")
    assert [(entry["event"], entry["error"]) for entry in logs] == [("request_failed", "StoreUnavailableError")]


async def test_a_key_stands_in_no_log_and_no_answer(store: Store, new_client: NewClient) -> None:
    key, entry = generate_key(["admin"])
    secret = key.split(".")[1]
    with capture_logs() as logs:
        for target in (store, Broken()):
            client = new_client(target, key=key, access=Access({entry.id: entry}))
            for answer in (await client.get("/v1/fleets/f/state"), await client.get("/v1/fleets/f/assign")):
                assert secret not in answer.text
                assert secret not in str(answer.headers)
    assert secret not in str(logs)


async def test_who_observes_hears_of_every_request_and_no_clients_text(store: Store, new_client: NewClient) -> None:
    key, entry = generate_key(["read"])
    records: list[RequestRecord] = []
    client = new_client(store, key=key, access=Access({entry.id: entry}), observe_request=records.append)
    for path in ("/v1/fleets/f/state?x=1", "/v1/fleets/%0Aevil/state", "/nothing/at/all", "/healthz"):
        await client.get(path)
    await client.get("/healthz", headers={"Authorization": ""})
    await client.get("/v1/fleets", headers={"Authorization": f"Bearer {key[:-1]}!"})
    assert [(r.method, r.route, r.status, r.problem, r.fleet, r.key_id) for r in records] == [
        ("GET", "/v1/fleets/{fleet}/state", 422, "invalid_request", "f", entry.id),
        ("GET", "/v1/fleets/{fleet}/state", 422, "invalid_request", "", entry.id),
        ("GET", None, 404, "not_found", "", ""),
        ("GET", "/healthz", 200, "", "", ""),
        ("GET", "/healthz", 200, "", "", ""),
        ("GET", "/v1/fleets", 401, "unauthenticated", "", "unknown"),
    ]
    assert [r for r in records if not r.seconds > 0] == []


async def test_other_routers_stand_behind_the_same_gate(store: Store, new_client: NewClient) -> None:
    router = APIRouter(route_class=ApiRoute)

    @router.get("/page")
    @public(offers=("text/html",))
    async def page() -> Response:
        return Response("<p>", headers={"Content-Security-Policy": "default-src 'self'"}, media_type="text/html")

    @router.get("/feed/{fleet}")
    @allow({"read"})
    async def feed(fleet: str) -> Response:
        return Response(fleet)

    client = new_client(store, access=Access({}), extra_routers=[router])
    shown = await client.get("/page")
    assert shown.headers.get_list("Content-Security-Policy") == ["default-src 'self'"]
    assert shown.headers["Cache-Control"] == "no-store"
    assert (await client.get("/feed/f")).status_code == 401


def test_a_route_that_does_not_say_who_may_call_it_is_not_built() -> None:
    router = APIRouter(route_class=ApiRoute)

    async def forgotten() -> Response:
        return Response()

    with pytest.raises(TypeError, match="forgotten declares neither"):
        router.get("/forgotten")(forgotten)
