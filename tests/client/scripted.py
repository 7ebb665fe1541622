"""Engine of a client with a clock and replies of the test's own."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Generator, Sequence
from math import inf
from pathlib import Path
from types import coroutine
from typing import TypeVar

from slta.api.http.openapi import MEANINGS
from slta_client.breaker import Breaker
from slta_client.calls import Send
from slta_client.endpoints import Endpoints
from slta_client.engine import Engine
from slta_client.fallback import Fallback
from slta_client.leases import Leases
from slta_client.placing import place
from slta_client.replies import BUSY, DISCONNECTED, INVALID, TIMEOUT, UNREACHABLE, Reply, failed
from slta_client.rules import rule_of
from slta_client.session import Session, Wanted

T = TypeVar("T")
STATUSES = {code: meaning.status for code, meaning in MEANINGS.items()}
STATUSES |= dict.fromkeys((UNREACHABLE, TIMEOUT, DISCONNECTED, BUSY, INVALID), 0)
Server = Callable[[Send], Reply]


class Scripted(Engine):
    """An engine whose clock moves only when it waits or a reply takes time."""

    def __init__(self, *copies: Endpoints, fleets: Sequence[str] = ("a",), timeout: float = 1.0) -> None:
        """With a fallback if it has copies of endpoints."""
        super().__init__("http://slta", None, timeout, Breaker(), Fallback())
        self.rng = self.breaker._rng = random.Random(1)
        self.now = 1000.0
        self.sent: list[tuple[float, Send]] = []
        self.waits: list[float] = []
        self.saved: list[tuple[Path, Sequence[Endpoints]]] = []
        self._server: Server = replies()
        self._until = inf
        if copies:
            self.falls_back(*copies, fleets=fleets)

    def run(self, loop: Coroutine[object, None, T], server: Server, until: float = inf) -> T | None:
        """The result; None if the loop would go beyond the time `until`."""
        outer = self._server, self._until
        self._server, self._until = server, until
        try:
            loop.send(None)
        except StopIteration as done:
            value: T = done.value
            return value
        finally:
            self._server, self._until = outer
        loop.close()
        return None

    def clock(self) -> float:
        return self.now

    async def send(self, send: Send) -> Reply:
        self.sent.append((self.now, send))
        return self._server(send)

    async def pause(self, seconds: float) -> None:
        if self.now + seconds > self._until:
            self.now = self._until
            await for_ever()
        self.waits.append(seconds)
        self.now += seconds

    async def until_changed(self, seconds: float) -> None:
        await self.pause(seconds)

    async def save(self, path: Path, copies: Sequence[Endpoints]) -> None:
        self.saved.append((path, copies))

    def falls_back(self, *found: Endpoints, fleets: Sequence[str] = ("a",), file: Path | None = None) -> Fallback:
        """Give it a fallback with these copies of endpoints, all of which are due."""
        known = {one.fleet: one for one in found}
        self.fallback = Fallback(fleets, file, known, self.rng)
        self.leases = Leases(self.fallback.changed)
        return self.fallback

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Fleet and call of what was sent."""
        return [(send.fleet, send.call) for _, send in self.sent]


@coroutine
def for_ever() -> Generator[None]:
    """Come back to who drives the loop, which closes it."""
    yield


def ends(scripted: Scripted) -> list[str]:
    """The ids whose ends are queued."""
    return [name for lanes in scripted.leases._lanes.values() for name in lanes.completes.live]


def wanted(
    *fleets: str, session_id: str = "s-1", lease: float | None = 30.0, wait: float = 0.0, kind: str | None = None
) -> Wanted:
    return Wanted(session_id, fleets or ("a",), lease, wait, None, kind)


def pools(fleet: str = "a", *, capacity: int = 10, occupancies: Sequence[int] = (0, 0, 0)) -> Endpoints:
    """Endpoints `p-0`, `p-1`, … of one class `c`."""
    ids = [f"p-{number}" for number in range(len(occupancies))]
    columns = {"pool_ids": ids, "addresses": [f"{one}:80" for one in ids], "occupancies": list(occupancies)}
    return Endpoints({"fleet": fleet, "classes": [{"name": "c", "capacity": capacity, **columns}]})


def placed(lease_seconds: float = 30.0) -> Reply:
    return Reply(201, "", {"pool_id": "c-1", "pool_class": "c", "lease_seconds": lease_seconds, "replayed": False})


def refused(code: str, status: int | None = None, retry_after: float = 0.0, **members: str) -> Reply:
    return Reply(STATUSES.get(code, 503) if status is None else status, code, members, retry_after)


RULES = {code: rule_of(refused(code)) for code in STATUSES}


def outcomes(*found: tuple[int, str]) -> Reply:
    """Of a bulk call, as (status, code)."""
    return Reply(200, "", {"outcomes": [{"status": status, "body": {"code": code}} for status, code in found]})


def replies(*scripted: Reply | str) -> Server:
    """One after the other; a text is a failure without a reply."""
    left = list(scripted)

    def serve(_: Send) -> Reply:
        one = left.pop(0)
        return failed(one) if isinstance(one, str) else one

    return serve


def put(scripted: Scripted, server: Server, asked: Wanted | None = None) -> Session:
    session = scripted.run(place(scripted, asked or wanted()), server)
    assert session is not None
    return session


def silent(scripted: Scripted) -> Server:
    """Every call takes its whole time."""

    def serve(send: Send) -> Reply:
        scripted.now += send.seconds
        return failed("timeout")

    return serve


def opened(scripted: Scripted) -> None:
    """Open the breaker."""
    for _ in range(5):
        scripted.breaker.settle(None, failed("timeout"), scripted.now)
