"""Drives a loop of the client with a clock and replies of the test's own."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from slta.api.http.codes import MEANINGS
from slta_client.breaker import Breaker, CircuitBreaker
from slta_client.copies import Copies
from slta_client.endpoints import Endpoints
from slta_client.fallback import Fallback
from slta_client.leases import Leases
from slta_client.options import State, Wanted
from slta_client.placing import place
from slta_client.replies import BUSY, DISCONNECTED, INVALID, NO_REPLY, TIMEOUT, UNREACHABLE, Reply, failed
from slta_client.rules import rule_of
from slta_client.session import Session
from slta_client.steps import Lost, Save, Send, Step, Steps, Wait

T = TypeVar("T")
STATUSES = {code: meaning.status for code, meaning in MEANINGS.items()}
STATUSES |= dict.fromkeys((UNREACHABLE, TIMEOUT, DISCONNECTED, BUSY, INVALID), 0)
Server = Callable[[Send], Reply]


class Scripted:
    """A state whose clock moves only when a loop waits or a reply takes time."""

    def __init__(self, *copies: Endpoints, fleets: Sequence[str] = ("a",), timeout: float = 1.0) -> None:
        """With a fallback if it has copies of endpoints."""
        self.now = 1000.0
        self.state = State(timeout, rng=random.Random(1), clock=lambda: self.now)
        self.sent: list[tuple[float, Send]] = []
        self.waits: list[float] = []
        self.lost: list[Lost] = []
        self.saved: list[Save] = []
        if copies:
            self.falls_back(*copies, fleets=fleets)

    def run(self, steps: Steps[T], server: Server, until: float = float("inf")) -> T | None:
        """The result; None if the loop would go beyond the time `until`."""
        try:
            step = next(steps)
            while True:
                if isinstance(step, Wait) and self.now + step.seconds > until:
                    self.now = until
                    return None
                step = steps.send(self._do(step, server))
        except StopIteration as done:
            value: T = done.value
            return value

    def _do(self, step: Step, server: Server) -> Reply:
        if isinstance(step, Wait):
            self.waits.append(step.seconds)
            self.now += step.seconds
        elif isinstance(step, Lost):
            self.lost.append(step)
        elif isinstance(step, Save):
            self.saved.append(step)
        else:
            self.sent.append((self.now, step))
            return server(step)
        return NO_REPLY

    def falls_back(self, *found: Endpoints, fleets: Sequence[str] = ("a",), file: Path | None = None) -> Fallback:
        """Give the state a fallback with these copies of endpoints, all of which are due."""
        known = {one.fleet: one for one in found}
        copies = Copies(fleets, file, self.state.rng, known)
        fallback = Fallback(CircuitBreaker(Breaker(), self.state.rng), copies, self.state.rng)
        self.state.fallback, self.state.leases = fallback, Leases(copies.changed)
        return fallback

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Fleet and call of what was sent."""
        return [(send.fleet, send.call) for _, send in self.sent]


def ends(scripted: Scripted) -> list[str]:
    """The ids whose ends are queued."""
    return [name for lane in scripted.state.leases._completes.values() for name in lane._queue]


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
    session = scripted.run(place(scripted.state, asked or wanted()), server)
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
    assert scripted.state.fallback is not None
    for _ in range(5):
        scripted.state.fallback.breaker.failed(None, failed("timeout"), scripted.now)
