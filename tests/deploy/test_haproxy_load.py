"""Many clients behind the proxy that is shipped, and strangers beside it. A real HAProxy and a real dispatcher."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import socket
from collections import Counter
from pathlib import Path

import httpx
import pytest

from testbed.awaiting import until_answered
from testbed.service_process import FLEET, ServiceProcess
from testbed.strangers import is_open, stranger
from tests.deploy.test_haproxy import proxy

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(300), pytest.mark.needs("haproxy")]
CLIENTS, STRANGERS, ROUNDS = 2000, 4000, 5
PAUSE_SECONDS = 4.0
"""Between two requests of a client, at most: the proxy's own checks take a second at most, also on a busy machine."""


async def client(port: int, number: int, seen: Counter[str]) -> None:
    """Assigns and completes on one connection; counts what it is answered, and what breaks."""
    draws = random.Random(number)
    try:
        await asyncio.sleep(draws.uniform(0, PAUSE_SECONDS))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for round_ in range(ROUNDS):
            body = json.dumps({"session_id": f"s-{number}-{round_}"}).encode()
            for call in (b"assign", b"complete"):
                writer.write(b"POST /v1/fleets/f/%s HTTP/1.1\r\nHost: localhost\r\n" % call)
                writer.write(b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                seen[await answer(reader)] += 1
                await asyncio.sleep(draws.uniform(0, PAUSE_SECONDS))
        writer.close()
    except (OSError, asyncio.IncompleteReadError) as error:
        seen[type(error).__name__] += 1


async def answer(reader: asyncio.StreamReader) -> str:
    """`answered`, or the status that the proxy gave by itself."""
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = re.findall(rb"content-length: (\d+)", head.lower())
    await reader.readexactly(int(length))
    return "answered" if b"x-request-id" in head.lower() else head.split()[1].decode()


async def strangers(port: int, ended: asyncio.Event) -> int:
    """Silent connections to the dispatcher itself, each from an address of its own, opened anew when they end."""
    opened = 0
    there: list[socket.socket] = []
    while not ended.is_set():
        there = [one for one in there if is_open(one)]
        for _ in range(min(100, STRANGERS - len(there))):
            there.append(stranger(port, opened))
            opened += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), 0.05)
    for one in there:
        one.close()
    return opened


def test_two_thousand_clients_behind_the_proxy_lose_nothing_while_strangers_take_all_places(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(FLEET.replace("pools: 3", "pools: 30"), encoding="utf-8")
    settings = {"SLTA_TRUSTED_PROXIES": "127.0.0.1", "SLTA_LOG_LEVEL": "warning"}
    with ServiceProcess(tmp_path, str(fleet), settings=settings) as service:
        with proxy(tmp_path, service.port) as front:
            until_answered(f"http://127.0.0.1:{front}/readyz")
            seen, opened = asyncio.run(play(front, service.port))
        metrics = httpx.get(f"{service.url}/metrics").text
        evicted = re.findall(r'^slta_connections_refused_total\{reason="evicted"\} (\S+)', metrics, re.MULTILINE)
    print(f"\n{dict(seen)}, {opened} strangers, {evicted} evicted")
    assert seen == {"answered": 2 * CLIENTS * ROUNDS}
    assert evicted


async def play(front: int, dispatcher: int) -> tuple[Counter[str], int]:
    seen: Counter[str] = Counter()
    ended = asyncio.Event()
    beside = asyncio.create_task(strangers(dispatcher, ended))
    await asyncio.gather(*(client(front, number, seen) for number in range(CLIENTS)))
    ended.set()
    return seen, await beside
