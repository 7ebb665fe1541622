"""The same requests, answered directly and by FastAPI: every byte but the date is the same."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from structlog.testing import capture_logs

from slta.api import fast_path as direct_module
from slta.api.fast_path import FAST_ROUTES
from slta.api.http.guards import RequestContext, RequestGuard
from slta.auth.keys import Access, generate_key
from slta.metrics import Metrics
from slta.models.request_record import RequestRecord
from slta.server.connection_limits import MAX_PER_ITERATION
from testbed.awaiting import eventually
from testbed.certificates import certificate_in
from tests.api.raw_requests import JSON, Talk, assign, call, complete, in_one, last
from tests.api.served import ADMIN_ENTRY, Served, both_ways, create_fleet, one_way, without_dates
from tests.api.test_plain_operations import OTHER_FORMS

CHUNKED = call("f/assign", transfer_encoding="chunked", content_length="", content_type=JSON)
SPEAKING_TOO_EARLY = assign("early", expect="100-continue", connection="close")

TALKS: dict[str, Talk] = {
    "a session's life": in_one(assign("a"), assign("a"), complete("a"), complete("a"), assign("a"), complete("b")),
    "a pair in one piece": in_one(assign("a"), complete("a")),
    "thirty requests in one piece": in_one(*(assign(f"s-{k}") for k in range(30))),
    "hot and other calls by turns": in_one(
        assign("a"), call("f/sessions/a", method="GET"), complete("a"), call("f/sessions/a", method="GET"), assign("b")
    ),
    "renew": in_one(assign("a"), call("f/renew", {"session_ids": ["a", "b"], "lease_seconds": 99})),
    "operations": in_one(
        call("f/operations", {"operations": [{"assign": {"session_id": f"s-{k}"}} for k in range(16)]}),
        call("f/operations", {"operations": [{"renew": {"session_id": "s-1"}}, {"complete": {"session_id": "s-1"}}]}),
        call("f/operations", {"operations": [{"assign": {}}, {"complete": {}}]}),
        call("f/operations", {"operations": []}),
        call("f/operations"),
    ),
    "no id": in_one(call("f/assign", {})),
    "no body": in_one(*[call("f/assign")] * 3, call("f/complete"), call("f/renew")),
    "a body in two pieces": (last(assign("a"))[:-5], assign("a")[-5:]),
    "a head in two pieces": (last(assign("a"))[:20], last(assign("a"))[20:]),
    "a chunked body": (last(CHUNKED) + b'11\r\n{"session_id":"a"\r\n1\r\n}\r\n0\r\n\r\n',),
    "a chunked body in pieces": (last(CHUNKED), b"11\r\n", b'{"session_id":"a"\r\n1\r\n}\r\n', b"0\r\n\r\n"),
    "a broken chunk": (CHUNKED + b"zz\r\n",),
    "not HTTP": (b"good day\r\n\r\n",),
    "HTTP/1.0": (assign("a").replace(b"HTTP/1.1", b"HTTP/1.0"),),
    "leave asked before the body": (SPEAKING_TOO_EARLY[:-10], SPEAKING_TOO_EARLY[-10:]),
    "leave asked with the body": (SPEAKING_TOO_EARLY,),
    "leave asked and refused": (last(call("f/assign", b"{}", expect="100-continue", accept="text/html")),),
    "bodies that do not fit": in_one(
        *(call("f/assign", body) for body in ({"session_id": 7}, {"session_id": "a", "weight": 1}, b'["a"]', b"null")),
        *(call("f/assign", body) for body in ({"lease_seconds": -1}, {"lease_seconds": True, "session_id": ""})),
        *(call("f/renew", {"session_ids": ids}) for ids in (["a", 1], ["a"] * 1001)),
        call("f/complete", {}),
    ),
    "bodies that are not JSON": in_one(
        *(call("f/assign", b'{"session_id": %b}' % value) for value in (b'"\xff"', b'"a", "session_id": "b"')),
        *(call("f/assign", body) for body in (b"session_id=a", b'{"lease_seconds": NaN}', b"[" * 3000)),
    ),
    "another type of body": in_one(
        *(call("f/assign", b"{}", content_type=t) for t in ("text/plain", "", 'Application/JSON; charset="UTF-8"')),
        call("f/assign", b"{}", content_encoding="gzip"),
    ),
    "another type of answer": in_one(
        call("f/assign", b"{}", accept="text/html"),
        call("f/assign", {"session_id": "a"}, accept="text/html, application/*;q=0.1"),
    ),
    "a query": in_one(call("f/assign?x=1", b"{}"), call("f/assign?", {"session_id": "a"})),
    "a body too long by its length": (call("f/assign", b" " * 65537),),
    "a body too long in chunks": (CHUNKED + b"%x\r\n" % 65537 + b" " * 65537 + b"\r\n0\r\n\r\n",),
    "headers too long": (assign("a", x_long="x" * 17000),),
    "a URL too long": in_one(call(f"f/assign?{'x' * 9000}", b"{}")),
    "another host": in_one(assign("a", host="elsewhere"), assign("a", host=""), assign("a", host="LOCALHOST:1")),
    "another site": in_one(assign("a", origin="http://evil"), assign("a", sec_fetch_site="cross-site")),
    "no such fleet": in_one(call("g/assign", {"session_id": "a"}), call("{g}/assign", b"{}"), call("/assign", b"{}")),
    "a fleet's name in escapes": in_one(call("%66/assign", {"session_id": "a"}), call("f%2Fassign", b"{}")),
    "names that a proxy removes from a path": in_one(
        *(call(path, {"session_id": "a"}) for path in ("./assign", "../assign", "%2E%2e/complete", ".../complete")),
        call("f/assign", {"session_id": "."}),
        call("f/renew", {"session_ids": ["..", "a"]}),
    ),
    "more parts than the call takes": in_one(
        call("f/assign", b"[" * 65),
        call("f/complete", b'{"session_id": "' + b"," * 65 + b'"}'),
        call("f/renew", b'{"session_ids": [' + b"1," * 2000 + b"1]}"),
        call("f/operations", {"operations": [{"assign": {f"m{k}": 1 for k in range(21)}}]}),
    ),
    "another method": in_one(call("f/assign", method="GET"), call("f/assign", method="HEAD"), call("f/assign/", b"{}")),
    "an id that is not harmless": in_one(assign("a", x_request_id="r-2"), complete("a", x_request_id="r.3")),
    "a full fleet": in_one(*(assign(f"s-{k}") for k in range(15))),
}


@pytest.fixture(autouse=True)
def stated_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids that the service makes are made in order."""
    monkeypatch.setattr("slta.api.routes.sessions.secrets.token_hex", lambda size: "0" * 2 * size)


@pytest.mark.slow
async def test_both_ways_say_the_same_in_every_talk(server: str, redis: Redis) -> None:
    said: dict[bool, dict[str, bytes]] = {}
    for fast_path in (True, False):
        async with one_way(server, redis, fast_path=fast_path) as here:
            said[fast_path] = {}
            for name, talk in TALKS.items():
                await create_fleet(here, redis)
                said[fast_path][name] = b"\r\n".join(without_dates(await here.say(*talk)))
    assert [name for name in TALKS if said[True][name] != said[False][name]] == []
    assert [name for name in TALKS if not said[True][name].startswith(b"HTTP/1.1 ")] == []


KEYED = {
    "another key": ("Bearer one.wrong-wrong-wrong-wrong", "Bearer {key}"),
    "no key after a key": ("Bearer {key}", ""),
    "a key twice": ("Bearer {key}", "Bearer {key}\r\nAuthorization: Bearer {key}"),
    "a key twice in capitals": ("Bearer {key}", "Bearer {key}\r\nAUTHORIZATION: Bearer {key}"),
    "an empty key": ("Bearer {key}", " \r\nX: "),
    "a key of a proxy": ("Bearer {key}", "Bearer {key}\r\nProxy-Authorization: Bearer {key}"),
    "a line without return": ("Bearer {key}", "Bearer {key}\nContent-Length: 99"),
    "a control character": ("Bearer {key}", "Bearer {key}\x00"),
    "blanks around": ("Bearer {key}", "\t Bearer {key} \t"),
}


@pytest.mark.slow
async def test_both_ways_say_the_same_when_heads_repeat(server: str, redis: Redis) -> None:
    key, entry = generate_key(["assign"])
    talks = [
        tuple(assign("a", authorization=value.format(key=key)) for value in (first, second, first, second))
        for first, second in KEYED.values()
    ]
    access = Access({entry.id: entry, ADMIN_ENTRY.id: ADMIN_ENTRY})
    directly, by_fastapi = await both_ways(
        [(*talk[:-1], last(talk[-1])) for talk in talks], server, redis, access=access
    )
    assert [name for name, *both in zip(KEYED, directly, by_fastapi, strict=True) if both[0] != both[1]] == []


async def test_known_heads_are_answered_one_after_the_other_and_refused_again(here: Served) -> None:
    changes = ({"host": "elsewhere"}, {"content_type": "text/plain"}, {"accept": "text/html"})
    refused = (assign("a", **change) for change in changes for _ in range(2))
    said = await here.say(*in_one(call("f/assign"), call("f/assign"), *refused, assign("a")))
    codes = [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]
    assert codes == [201, 200, 400, 400, 415, 415, 406, 406, 201]


async def test_a_key_that_is_removed_is_refused_at_the_next_known_head(server: str, redis: Redis) -> None:
    key, entry = generate_key(["assign"])
    access = Access({entry.id: entry, ADMIN_ENTRY.id: ADMIN_ENTRY})
    async with one_way(server, redis, access=access) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        for known in range(3):
            writer.write(assign("a", authorization=f"Bearer {key}"))
            assert (await reader.readuntil(b"}"))[9:12] == (b"200" if known else b"201")
        access.replace({ADMIN_ENTRY.id: ADMIN_ENTRY}, None)
        writer.write(assign("a", authorization=f"Bearer {key}"))
        assert (await reader.readuntil(b"}"))[9:12] == b"401"
        writer.close()


@pytest.mark.slow
@pytest.mark.parametrize("rest", ["nothing", "a part"])
async def test_both_ways_wait_for_a_body(rest: str, server: str, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slta.api.http.bodies.BODY_SECONDS", 0.1)
    head, separator, body = assign("a").partition(b"\r\n\r\n")
    talk = (head + separator, b"" if rest == "nothing" else body[:-10])
    directly, by_fastapi = await both_ways([talk], server, redis)
    assert directly == by_fastapi
    assert directly[0].startswith(b"HTTP/1.1 408 ")
    assert b"request_timeout" in directly[0]


async def test_hot_calls_are_answered_directly_and_no_others(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    answer = direct_module.FastPath.respond

    async def noted(self: Any, asked: Any, scope: Any, *rest: Any) -> Any:
        seen.append(scope["path"].removeprefix("/v1/fleets/f/"))
        return await answer(self, asked, scope, *rest)

    monkeypatch.setattr(direct_module.FastPath, "respond", noted)
    await here.say(*in_one(*(call(f"f/{name}", b"{}") for name in FAST_ROUTES), call("f/state", method="GET")))
    await here.say(*TALKS["a body in two pieces"])
    assert seen == [*FAST_ROUTES, "assign"]


async def test_the_first_hot_calls_are_sent_before_others_begin(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(Metrics, "call", lambda _, __, ___, operations: sizes.append(operations))
    clients = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(2 * MAX_PER_ITERATION)]
    for reader, writer in clients:  # so that the server has them all
        writer.write(complete("nobody"))
        await reader.readuntil(b"}")
    sizes.clear()
    for _, writer in clients:
        writer.write(last(assign("a")))
    said = [await reader.read() for reader, _ in clients]
    for _, writer in clients:
        writer.close()
    assert [answer for answer in said if not answer.startswith(b"HTTP/1.1 20")] == []
    assert sizes == [MAX_PER_ITERATION] * 2


async def test_every_answer_says_when_it_was_given(here: Served) -> None:
    said = await here.say(*in_one(assign("a"), assign(""), call("f/state", method="GET")))
    assert said.count(b"HTTP/1.1 ") == said.count(b"\r\ndate: ") == 3


@pytest.mark.slow
async def test_a_client_that_leaves_takes_nothing_from_the_next(server: str, redis: Redis) -> None:
    for leaving in ((assign("a")[:-3],), (assign("a")[:30],), (b"",)):
        directly, by_fastapi = await both_ways([TALKS["a session's life"]], server, redis, leaving)
        assert directly == by_fastapi


@pytest.mark.slow
async def test_both_ways_read_every_form_of_operations_alike(server: str, redis: Redis) -> None:
    talks: list[Talk] = [(last(call("f/operations", body)),) for body in OTHER_FORMS.values()]
    answers = zip(OTHER_FORMS, *await both_ways(talks, server, redis), strict=True)
    assert [form for form, directly, by_fastapi in answers if directly != by_fastapi] == []


async def test_both_ways_answer_alike_wherever_the_body_is_cut(server: str, redis: Redis) -> None:
    request = last(call("f/operations", {"operations": [{"complete": {"session_id": "nobody"}}] * 2}))
    cuts = range(request.index(b"\r\n\r\n"), len(request))
    said = []
    for fast_path in (True, False):
        async with one_way(server, redis, fast_path=fast_path) as here:
            said += await asyncio.gather(*(here.say(request[:cut], request[cut:]) for cut in cuts))
    assert {b"\r\n".join(without_dates(answer))[:15] for answer in said} == {b"HTTP/1.1 200 OK"}
    assert len({b"\r\n".join(without_dates(answer)) for answer in said}) == 1


@pytest.mark.parametrize("fast_path", [True, False])
async def test_a_client_that_leaves_in_the_body_has_sent_nothing(server: str, redis: Redis, *, fast_path: bool) -> None:
    seen: list[RequestRecord] = []
    with capture_logs() as logs:
        async with one_way(server, redis, fast_path=fast_path, observe_request=seen.append) as here:
            await here.leave(call("f/operations", {"operations": [{"assign": {"session_id": "a"}}]})[:-3])
            await eventually(lambda: [record.status for record in seen[1:]] == [0])
    assert seen[1].route == "/v1/fleets/{fleet}/operations"
    assert [entry for entry in logs if entry["log_level"] == "error"] == []
    assert not redis.hexists("{f}:sessions", "a")


async def test_a_body_that_breaks_off_is_no_error_of_the_service(here: Served) -> None:
    with capture_logs() as logs:
        said = await here.say(CHUNKED, b"zz\r\n")
    assert said.startswith(b"HTTP/1.1 400 ")
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


@pytest.mark.needs("openssl")
async def test_both_ways_speak_tls(server: str, redis: Redis, tmp_path: Path) -> None:
    certificate, key = await asyncio.to_thread(certificate_in, tmp_path)
    talks = [TALKS[name] for name in ("a session's life", "a body in two pieces", "thirty requests in one piece")]
    directly, by_fastapi = await both_ways(talks, server, redis, tls_certificate=certificate, tls_key=key)
    assert directly == by_fastapi
    assert directly[0].startswith(b"HTTP/1.1 201 ")


# A client that does not read


@pytest.mark.slow
async def test_a_client_that_reads_nothing_gets_answers_later(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    answered: list[str] = []
    leave = RequestGuard.finish

    def noted(guard: RequestGuard, scope: Any, context: RequestContext, route: str | None, status: int) -> None:
        answered.append(context.request_id)
        leave(guard, scope, context, route, status)

    monkeypatch.setattr(RequestGuard, "finish", noted)
    # The kernel keeps up to 4 MiB of answers, and an answer has more than 400 bytes.
    requests = [complete("s", x_request_id=f"r-{k}") for k in range(15_000)]
    with socket.create_connection(("127.0.0.1", here.port)) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        plain.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=plain, limit=65_536)
        writer.write(b"".join([*requests[:-1], last(requests[-1])]))
        sending = asyncio.create_task(writer.drain())
        before = -1
        while before < len(answered):  # until nothing more is answered
            before = len(answered)
            await asyncio.sleep(0.3)
        assert len(answered) < 14_000
        said = await reader.read(-1)
        await sending
        writer.close()
    assert re.findall(rb"x-request-id: (r-\d+)", said) == [b"r-%d" % k for k in range(15_000)]
