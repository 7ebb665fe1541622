"""Commands and URLs of the agent: bounded in time and output, nothing of them stays; and what their output means."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientError, web

from slta.parsing.session_ids import session_id_of
from slta_integrations.agent import sources
from slta_integrations.agent.config import Source
from slta_integrations.agent.probe_output import MAX_SESSIONS, ProbeError, count_of, listing_of
from slta_integrations.agent.sources import ask
from testbed.awaiting import eventually
from tests.inventory import each


async def shell(script: str, seconds: float = 10) -> bytes:
    return await ask("p-1", Source(command=["sh", "-c", script], timeout_seconds=seconds))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("echo a; echo b", b"a\nb\n"),
        ("echo $AGENT_POOL_ID", b"p-1\n"),
        ("echo ${SLTA_API_KEY-none}", b"none\n"),
        ("cat", b""),
    ],
)
async def test_a_command_has_its_output(monkeypatch: pytest.MonkeyPatch, script: str, output: bytes) -> None:
    monkeypatch.setenv("SLTA_API_KEY", "secret")
    assert await shell(script) == output


@pytest.mark.parametrize(("script", "code"), [("echo a; exit 3", 3), ("kill -9 $$", -9)])
async def test_a_command_that_fails_is_a_problem(script: str, code: int) -> None:
    with pytest.raises(ProbeError, match=f"^exit code {code}$"):
        await shell(script)


async def test_a_command_that_is_not_there_is_a_problem() -> None:
    with pytest.raises(FileNotFoundError):
        await ask("p", Source(command=["/nowhere/x"]))


async def test_a_command_that_takes_too_long_is_killed_with_all_it_started(tmp_path: Path) -> None:
    script = f"sleep 1000 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/leader; wait"
    with pytest.raises(ProbeError, match=r"^took over 0\.5 s$"):
        await shell(script, seconds=0.5)
    pids = [int((tmp_path / name).read_text()) for name in ("child", "leader")]
    await eventually(lambda: not any(map(is_alive, pids)))


async def test_what_a_command_leaves_in_the_background_is_killed_when_it_ends(tmp_path: Path) -> None:
    assert await shell(f"sleep 1000 >/dev/null & echo $! > {tmp_path}/child; echo a") == b"a\n"
    pid = int((tmp_path / "child").read_text())
    await eventually(lambda: not is_alive(pid))


async def test_a_command_is_killed_when_the_agent_ends(tmp_path: Path) -> None:
    asking = asyncio.create_task(shell(f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; sleep 1000"))
    await eventually((tmp_path / "pid").exists)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not is_alive(int((tmp_path / "pid").read_text()))


async def test_a_command_that_writes_without_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 100_000)
    with pytest.raises(ProbeError, match=r"^wrote over 100,000 bytes$"):
        await shell("yes")


@asynccontextmanager
async def answering(status: int, body: bytes) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    app = web.Application()
    app.router.add_get("/sessions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/sessions"
    await runner.cleanup()


@pytest.mark.parametrize(("status", "body"), [(200, b"[]"), (204, b"")])
async def test_a_url_has_its_body(status: int, body: bytes) -> None:
    async with answering(status, body) as url:
        assert await ask("p", Source(url=url)) == body


@pytest.mark.parametrize("status", [302, 503])
async def test_a_url_without_success_is_a_problem(status: int) -> None:
    async with answering(status, b"") as url:
        with pytest.raises(ProbeError, match=f"^HTTP status {status}$"):
            await ask("p", Source(url=url))


async def test_a_url_that_nobody_serves_is_a_problem() -> None:
    with pytest.raises(ClientError):
        await ask("p", Source(url="http://127.0.0.1:1/"))


async def test_a_body_without_end_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 10)
    async with answering(200, b"x" * 11) as url:
        with pytest.raises(ProbeError, match=r"^wrote over 10 bytes$"):
            await ask("p", Source(url=url))


@pytest.mark.parametrize(
    ("output", "ids"),
    [
        (b"a\nb\n", ("a", "b")),
        (b" a \r\n\nb", ("a", "b")),
        (b"a\na\n", ("a",)),
        (b'["a", "b"]', ("a", "b")),
        (b' {"session_ids": ["a"], "more": 1}\n', ("a",)),
        (b"[]", ()),
        (b'{"session_ids": []}', ()),
        (b"user 7\n", (session_id_of("user 7"),)),
        (b'["a/b"]', (session_id_of("a/b"),)),
        (rb'["\ud800"]', (session_id_of("\ud800"),)),
    ],
)
def test_a_list_is_json_or_lines(output: bytes, ids: tuple[str, ...]) -> None:
    assert listing_of(output)["session_ids"] == ids


@each("output", ["", " \n", "[", "[1]", '["a", ""]', '{"sessions": []}', '{"session_ids": {}}', "[" * 100_000])
def test_what_is_no_list_is_refused(output: str) -> None:
    with pytest.raises((ProbeError, ValueError, RecursionError)):
        listing_of(output.encode())


@pytest.mark.parametrize(
    ("types", "taken"),
    [
        ({"a": "video"}, {"a": "video"}),
        ({"a": "video", "gone": "chat"}, {"a": "video"}),
        ({"user 7": "chat"}, {session_id_of("user 7"): "chat"}),
        ({"\ud800": "chat"}, {}),
        ({}, {}),
    ],
)
def test_a_list_may_name_types_of_its_sessions(types: dict[str, str], taken: dict[str, str]) -> None:
    output = json.dumps({"session_ids": ["a", "user 7"], "session_types": types}).encode()
    assert listing_of(output).get("session_types", {}) == taken


@each("output", [b"a\nb\n", b'["a"]', b'{"session_ids": ["a"]}'])
def test_a_list_without_types_has_none(output: bytes) -> None:
    assert listing_of(output).keys() == {"session_ids"}


@each("types", [["a"], {"a": 1}, {"a": "no name"}, "video"])
def test_types_that_are_none_are_refused(types: object) -> None:
    with pytest.raises(ProbeError, match="must write session_types"):
        listing_of(json.dumps({"session_ids": ["a"], "session_types": types}).encode())


def test_a_list_has_at_most_8192_sessions() -> None:
    ids = [f"s-{number}" for number in range(MAX_SESSIONS)]
    assert listing_of("\n".join(ids).encode())["session_ids"] == tuple(ids)
    with pytest.raises(ProbeError, match="wrote 8,193 sessions, over 8,192"):
        listing_of("\n".join([*ids, "more"]).encode())


def test_a_count_is_a_number() -> None:
    assert [count_of(output)["count"] for output in (b"0\n", b" 17 ", b"8192", b'{"count": 2}')] == [0, 17, 8192, 2]
    assert count_of(b'{"count": 2, "quality": 24.5}') == {"count": 2, "quality": 24.5}


@each("output", ["", "-1", "1.5", "1 2", "x", "8193", "9999999999", "[]", '{"count": 1, "quality": NaN}'])
def test_what_is_no_count_is_refused(output: str) -> None:
    with pytest.raises(ProbeError):
        count_of(output.encode())
