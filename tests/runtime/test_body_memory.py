"""What the bodies of many requests cost a dispatcher of its own: its memory is bounded, and it answers on."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import httpx
import pytest

from testbed.processes import memory_kib
from testbed.service_process import ServiceProcess
from tests.api.conftest import FLEET
from tests.api.worst_bodies import TAKEN, refused_bodies

MAX_MIB = 160
MIB = 1024 * 1024

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc"),
]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path) as running:
        running.call("PUT", "/v1/fleets/f", FLEET)
        yield running


def peak_mib(service: ServiceProcess) -> float:
    """The most memory that the process has had."""
    return memory_kib(service.pid) / 1024


async def beside(service: ServiceProcess, work: Awaitable[object]) -> float:
    """The longest that `GET /healthz` took in seconds while the work was done; each must be answered."""
    done = threading.Event()
    probing = asyncio.create_task(asyncio.to_thread(_probe, service.url, done))
    try:
        await work
    finally:
        done.set()
    return await probing


def _probe(url: str, done: threading.Event) -> float:
    longest = 0.0
    with httpx.Client(base_url=url, timeout=30) as client:
        while not done.wait(0.01):
            began = time.monotonic()
            answer = client.get("/healthz")
            longest = max(longest, time.monotonic() - began)
            assert answer.status_code == 200
    return longest


async def status_of(service: ServiceProcess, head: str, body: bytes) -> str:
    """The status of an answer to a request that is sent whether it is read or not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    try:
        lines = f"{head} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
        writer.write(lines + body)
        return (await reader.readuntil(b"\r\n"))[9:12].decode()
    finally:
        writer.transport.abort()


async def at_once(count: int, ask: Callable[[int], Awaitable[str]]) -> Counter[str]:
    return Counter(await asyncio.gather(*(ask(number) for number in range(count))))


async def test_600_connections_with_a_body_of_a_mebibyte_each(service: ServiceProcess) -> None:
    body = f"Content-Length: {MIB}\r\n\r\n".encode() + b" " * (MIB - 1)  # its last byte never comes
    statuses: Counter[str] = Counter()

    async def all_of_them() -> None:
        statuses.update(await at_once(600, lambda _: status_of(service, "POST /v1/fleets/f/renew", body)))

    longest = await beside(service, all_of_them())
    print(f"{peak_mib(service):.0f} MiB, /healthz {longest * 1000:.0f} ms, {dict(statuses)}")
    assert statuses.keys() <= {"503", "408"}
    assert statuses["408"] <= 16
    assert peak_mib(service) <= MAX_MIB


async def test_twelve_of_the_worst_bodies_at_once_again_and_again(service: ServiceProcess) -> None:
    worst = [*refused_bodies().values(), *TAKEN.values()]
    requests = [(f"{method} /v1/fleets/f{path}", build()) for method, path, build in worst]
    waiting = iter(islice(cycle(requests), 3 * len(requests)))

    async def one_after_the_other(_: int) -> str:
        for head, body in waiting:
            status = await status_of(service, head, b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            assert status[0] in "24", head
        return "done"

    longest = await beside(service, at_once(12, one_after_the_other))
    print(f"{peak_mib(service):.0f} MiB, /healthz {longest * 1000:.0f} ms on {os.cpu_count()} processors")
    assert peak_mib(service) <= MAX_MIB
