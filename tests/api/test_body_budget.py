"""The bytes of bodies that are held at a time are bounded, in all and by caller, and given back in every case."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.api.app import build_api
from slta.api.http.api_route import dependencies_of
from slta.auth.byte_budget import ByteBudget
from slta.auth.keys import Access, generate_key
from slta.metrics import Metrics
from slta.models.request_record import RequestRecord
from slta.store import Store, StoreSettings
from testbed.awaiting import eventually
from testbed.faults import Proxy
from tests.api.conftest import no_metrics
from tests.api.raw_requests import call, last
from tests.api.served import Served, served

KIB = 1024
BY_CALLER, IN_ALL = 100 * KIB, 150 * KIB
(A, A_ENTRY), (B, B_ENTRY) = (generate_key(["admin"]) for _ in range(2))
KEYS = Access({entry.id: entry for entry in (A_ENTRY, B_ENTRY)})


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 12)), max_size=30))
def test_a_budget_takes_what_fits_for_all_and_for_its_name_and_what_is_given_back(steps: list[tuple[str, int]]) -> None:
    budget, held = ByteBudget(15, 10), {"a": 0, "b": 0}
    for name, count in steps:
        fits = held[name] + count <= 10 and sum(held.values()) + count <= 15
        assert budget.acquire(name, count) is fits
        if fits:
            held[name] += count
        elif held[name]:
            budget.release(name, held[name])
            held[name] = 0
        assert budget.used == sum(held.values())


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Here:
    """A dispatcher with a small budget."""

    served: Served
    budget: ByteBudget

    @asynccontextmanager
    async def holding(self, size: int, key: str = A) -> AsyncIterator[Connection]:
        """A connection whose body has come so far, and is not complete."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.served.port)
        before = self.budget.used
        writer.write(renewing(size + KIB, key)[:-KIB])
        await eventually(lambda: self.budget.used == before + size)
        yield reader, writer
        writer.close()


def renewing(size: int, key: str = A, content: bytes | None = None) -> bytes:
    """A request whose body has so many bytes, on a connection of its own."""
    body = b'{"session_ids": ["a"]}' if content is None else content
    return last(call("f/renew", body.ljust(size), authorization=f"Bearer {key}"))


@pytest.fixture(params=[True, False], ids=["directly", "by FastAPI"])
async def here(
    request: pytest.FixtureRequest, store: Store, fleet: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Here]:
    async with small_budget(store, monkeypatch, fast_path=request.param) as made:
        yield made


@asynccontextmanager
async def small_budget(store: Store, monkeypatch: pytest.MonkeyPatch, *, fast_path: bool) -> AsyncIterator[Here]:
    monkeypatch.setattr("slta.api.http.authorization.BODIES_BYTES_BY_CALLER", BY_CALLER)
    monkeypatch.setattr("slta.api.http.authorization.BODIES_BYTES", IN_ALL)
    app = build_api(store=store, access=KEYS, render_metrics=no_metrics)
    async with served(app, fast_path=fast_path) as serving:
        yield Here(serving, dependencies_of(app).authorizer.bodies)


def assert_overloaded(said: bytes) -> None:
    head, _, body = said.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0].startswith(b"http/1.1 503 ")
    assert {b"retry-after: 1", b"connection: close"} <= set(lines)
    assert json.loads(body)["code"] == "overloaded"


async def test_who_holds_too_many_bytes_is_refused_at_once_and_others_are_not(here: Here) -> None:
    async with here.holding(80 * KIB):
        assert_overloaded(await here.served.say(renewing(90 * KIB)[: -30 * KIB]))
        assert_overloaded(await here.served.say(renewing(30 * KIB)))
        assert here.budget.used == 80 * KIB
        assert b" 200 " in (await here.served.say(renewing(60 * KIB, B)))[:15]
        assert b" 200 " in (await here.served.say(renewing(20 * KIB)))[:15]


async def test_small_bodies_pass_whatever_is_held(here: Here) -> None:
    async with here.holding(100 * KIB):
        assert_overloaded(await here.served.say(renewing(KIB + 1)))
        assert b" 200 " in (await here.served.say(renewing(KIB)))[:15]


async def test_the_bytes_of_all_callers_are_bounded(here: Here) -> None:
    async with here.holding(90 * KIB), here.holding(50 * KIB, B):
        assert_overloaded(await here.served.say(renewing(20 * KIB, B)))
        assert b" 200 " in (await here.served.say(renewing(10 * KIB)))[:15]


async def test_a_body_that_is_complete_is_answered_and_held_no_more(here: Here) -> None:
    async with here.holding(80 * KIB) as (reader, writer):
        writer.write(b" " * KIB)
        assert b" 200 " in (await reader.read())[:15]
        assert here.budget.used == 0


ENDINGS = {
    "it is not JSON": (renewing(60 * KIB, content=b"[x"), b"400"),
    "it does not fit": (renewing(60 * KIB, content=b'{"session_ids": [1]}'), b"422"),
    "it has too many parts": (renewing(60 * KIB, content=b"[" * 9000), b"422"),
    "it is of another type": (renewing(60 * KIB).replace(b"/json", b"/text"), b"415"),
    "its fleet is unknown": (renewing(60 * KIB).replace(b"/f/", b"/g/"), b"404"),
    "it is longer than it may be": (
        last(call("f/assign", transfer_encoding="chunked", content_length="", authorization=f"Bearer {A}"))
        + b"%x\r\n%b\r\n%x\r\n%b\r\n" % (60 * KIB, b" " * 60 * KIB, 5 * KIB, b" " * 5 * KIB),
        b"413",
    ),
    "the call takes none": (last(call("f/pools/small-1/fail", b" " * 60 * KIB, authorization=f"Bearer {A}")), b"400"),
    "it never ends": (renewing(60 * KIB)[:-1], b"408"),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_its_bytes_are_given_back_when(here: Here, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slta.api.http.bodies.BODY_SECONDS", 0.1 if ending == "it never ends" else 10)
    request, status = ENDINGS[ending]
    assert b" %b " % status in (await here.served.say(request))[:15]
    assert here.budget.used == 0


async def test_its_bytes_are_given_back_when_the_client_leaves_before_its_end(here: Here) -> None:
    async with here.holding(80 * KIB) as (_, writer):
        writer.transport.abort()
        await eventually(lambda: here.budget.used == 0)


async def test_a_body_that_no_call_takes_is_bounded_too(here: Here) -> None:
    fail = last(call("f/pools/small-1/fail", b" " * 65 * KIB, authorization=f"Bearer {A}"))
    assert b" 413 " in (await here.served.say(fail))[:15]
    async with here.holding(80 * KIB):
        assert_overloaded(await here.served.say(fail.replace(b"66560", b"40960")[: -25 * KIB]))


# While the store is asked


@pytest.mark.parametrize("fast_path", [True, False], ids=["directly", "by FastAPI"])
async def test_a_body_is_held_while_the_store_is_asked_and_given_back_with_the_answer(
    behind: Store, between: tuple[Proxy, str], monkeypatch: pytest.MonkeyPatch, *, fast_path: bool
) -> None:
    async with small_budget(behind, monkeypatch, fast_path=fast_path) as here:
        between[0].open.clear()
        answer = asyncio.create_task(here.served.say(renewing(30 * KIB)))
        await between[0].waiting(between[0].calls + 1)
        assert here.budget.used == 30 * KIB
        between[0].open.set()
        assert b" 200 " in (await answer)[:15]
        assert here.budget.used == 0


async def test_its_bytes_are_given_back_when_the_client_leaves_while_the_store_is_asked(
    behind: Store, between: tuple[Proxy, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with small_budget(behind, monkeypatch, fast_path=True) as here:
        between[0].open.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", here.served.port)
        writer.write(renewing(30 * KIB))
        await between[0].waiting(between[0].calls + 1)
        writer.transport.abort()
        await eventually(lambda: here.budget.used == 0)


async def test_its_bytes_are_given_back_when_the_store_does_not_answer(
    between: tuple[Proxy, str], fleet: str, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(StoreSettings(between[1], call_timeout_seconds=5, deadline_seconds=0.3), metrics)
    async with small_budget(store, monkeypatch, fast_path=True) as here:
        between[0].open.clear()
        assert b" 503 " in (await here.served.say(renewing(30 * KIB)))[:15]
        assert here.budget.used == 0
        between[0].open.set()
    await store.close()


async def test_where_access_is_open_an_address_is_the_caller(
    store: Store, fleet: str, new_client: Callable[..., httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slta.api.http.authorization.BODIES_BYTES_BY_CALLER", BY_CALLER)
    seen: list[RequestRecord] = []
    app = build_api(store=store, access=Access.open(), render_metrics=no_metrics, observe_request=seen.append)
    dependencies_of(app).authorizer.bodies.acquire("10.0.0.1", 90 * KIB)
    body, headers = b'{"session_ids": []}'.ljust(20 * KIB), {"Content-Type": "application/json"}
    statuses = []
    for address in ("10.0.0.1", "10.0.0.2"):
        transport = httpx.ASGITransport(app, client=(address, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            statuses.append((await client.post(f"{fleet}/renew", content=body, headers=headers)).status_code)
    assert statuses == [503, 200]
    assert [record.problem for record in seen] == ["overloaded", ""]
