"""Faults between client and dispatcher: each session is placed exactly once and ended, and nothing is left behind."""

from __future__ import annotations

import asyncio
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pytest

from slta_client import AsyncClient, Client, PlacementError, SessionLostError
from slta_client.endpoints import Endpoints, save
from testbed.gate import Answer, Chooser, Cut, Fault, Gate, Late, Request, Silence, Unsent
from testbed.live_fleet import Fleet
from testbed.service_process import ServiceProcess

AT_ONCE = 20


def placements(between: Gate) -> Counter[str]:
    """How often the dispatcher has placed each session."""
    return Counter(
        request.operations[0][1] for request, status in between.replies if (request.call, status) == ("assign", 201)
    )


def renewed_after_end(between: Gate) -> list[str]:
    """Sessions that a renewal was sent for after their complete."""
    ended: set[str] = set()
    late = []
    for request in between.requests:
        for kind, name in request.operations:
            if kind == "complete":
                ended.add(name)
            elif kind == "renew" and name in ended:
                late.append(name)
    return late


def once(fault: Fault, call: str) -> Chooser:
    """This fault for the first request of a call."""
    faults = iter([fault])
    return lambda request: next(faults, None) if request.call == call else None


async def one_session(between: Gate, fleet: Fleet, session_id: str, **options: Any) -> None:
    client = AsyncClient(between.url, fleet.name, verify=False, **options)
    async with client, client.session(session_id):
        assert fleet.status(session_id) == 200


async def one_session_in_a_thread(between: Gate, fleet: Fleet, session_id: str, **options: Any) -> None:
    def play() -> None:
        with Client(between.url, fleet.name, verify=False, **options) as client, client.session(session_id):
            assert fleet.status(session_id) == 200

    await asyncio.to_thread(play)


Use = Callable[..., Coroutine[Any, Any, None]]
EITHER = [one_session, one_session_in_a_thread]

FAULTS: list[Fault] = [
    Unsent(),
    Cut(0),
    Cut(17),
    Cut(200),
    Late(0.01),
    Answer(503, "store_unavailable", 1),
    Answer(503, "outcome_unknown", 1),
]


@pytest.mark.parametrize("use", EITHER)
@pytest.mark.parametrize("call", ["assign", "operations"])
@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_fault_is_survived(fleet: Fleet, between: Gate, use: Use, call: str, fault: Fault) -> None:
    between.choose = once(fault, call)
    await use(between, fleet, "u-7")
    await between.arrived()
    assert (fleet.status("u-7"), fleet.live, fleet.counter("assigned")) == (409, 0, 1)


async def cut_everywhere(between: Gate, fleet: Fleet, use: Use, call: str, places: Iterable[int]) -> None:
    """One session with one cut for each place, some at a time."""
    cuts = {f"{call}-{use.__name__}-{place}": place for place in places}
    waiting = dict(cuts)

    def choose(request: Request) -> Fault | None:
        place = waiting.pop(request.operations[0][1], None) if request.call == call else None
        return None if place is None else Cut(place)

    between.choose = choose
    permits = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with permits:
            await use(between, fleet, name)

    await asyncio.gather(*map(one, cuts))
    assert waiting == {}
    assert [name for name in cuts if placements(between)[name] != 1] == []


async def length_of_reply(between: Gate, fleet: Fleet, call: str) -> int:
    """The bytes of a reply to a call."""
    lengths: list[int] = []
    treat = between.rule

    async def measure(link: Any, data: bytes, from_client: bool) -> bytes:
        if not from_client and link.notes["request"].call == call:
            lengths.append(len(data))
        return await treat(link, data, from_client)

    between.rule = measure
    await one_session(between, fleet, f"{call}-{'x' * 30}-0")
    between.rule = treat
    return lengths[0]


@pytest.mark.slow
@pytest.mark.parametrize("use", EITHER)
@pytest.mark.parametrize("call", ["assign", "operations"])
async def test_a_reply_may_be_cut_at_every_byte(fleet: Fleet, between: Gate, use: Use, call: str) -> None:
    length = await length_of_reply(between, fleet, call)
    assert length > 200
    await cut_everywhere(between, fleet, use, call, range(length))
    assert (fleet.live, renewed_after_end(between)) == (0, [])
    assert fleet.counter("assigned") == fleet.counter("completed") == length + 1


@pytest.mark.parametrize("use", EITHER)
async def test_a_silent_dispatcher_costs_the_deadline_and_is_ended_later(fleet: Fleet, between: Gate, use: Use) -> None:
    between.choose = once(Silence(applied=True), "assign")
    with pytest.raises(PlacementError, match="timeout"):
        await use(between, fleet, "u-7", timeout=0.2)
    assert (fleet.status("u-7"), fleet.live) == (409, 0)


@pytest.mark.parametrize("seconds", [0.0, None])
async def test_late_assigns_of_given_up_ids_place_nothing(fleet: Fleet, between: Gate, seconds: float | None) -> None:
    assigns = iter([Late(seconds)])
    between.choose = lambda request: next(assigns, Unsent()) if request.call == "assign" else None
    name = f"late-{seconds}"
    async with AsyncClient(between.url, fleet.name) as client:
        with pytest.raises(PlacementError, match="disconnected"):
            await client.session(name).__aenter__()
    await between.arrived()
    assert (fleet.status(name) != 200, fleet.live) == (True, 0)


# The campaign

MANY = {None: 300, "two-choices": 100}
"""Faults by fallback; behind an open breaker there are few requests to disturb."""
DISTURBANCES = 10
HOLDING_SECONDS = (0.0, 0.05, 0.5, 5.0)
KINDS: tuple[Callable[[random.Random], Fault], ...] = (
    lambda rng: Cut(rng.randrange(450)),
    lambda _: Unsent(),
    lambda rng: Silence(applied=rng.random() < 0.5),
    lambda rng: Late(rng.uniform(0.0, 0.5)),
    lambda rng: Answer(503, rng.choice(["store_unavailable", "outcome_unknown", "overloaded", "recovering"]), 1),
    lambda _: Answer(429, "rate_limited", 1),
    lambda rng: Answer(rng.choice([500, 502, 504]), "internal_error", close=rng.random() < 0.5),
)


class Chaos:
    """One request in four meets a fault, until there were enough, and the dispatcher was disturbed often enough."""

    def __init__(self, seed: int, faults: int) -> None:
        self.faults = faults
        self.rng = random.Random(seed)
        self.seen: Counter[str] = Counter()
        self.disturbed: Counter[str] = Counter()
        self.played: list[str] = []
        self.lost: list[str] = []
        self.refused: Counter[str] = Counter()

    def choose(self, _: Request) -> Fault | None:
        if self.is_over or self.rng.random() > 0.25:
            return None
        fault = self.rng.choice(KINDS)(self.rng)
        self.seen[type(fault).__name__] += 1
        return fault

    @property
    def is_over(self) -> bool:
        return self.seen.total() >= self.faults and self.disturbed.total() >= DISTURBANCES


async def disturb(service: ServiceProcess, between: Gate, chaos: Chaos) -> None:
    """Until the faults are over: the dispatcher is killed, stands still, and drops its idle connections."""
    while not chaos.is_over:
        await asyncio.sleep(chaos.rng.uniform(0.3, 1.0))
        what = chaos.rng.choice(["kill", "stop", "duck"])
        chaos.disturbed[what] += 1
        if what == "kill":
            await asyncio.to_thread(service.kill)
            await asyncio.to_thread(service.start)
        elif what == "stop":
            service.signal(signal.SIGSTOP)
            await asyncio.sleep(chaos.rng.uniform(0.1, 2.0))
            service.signal(signal.SIGCONT)
        else:
            await between.close_idle()


async def play(client: AsyncClient, chaos: Chaos) -> None:
    """One session after the other."""
    while not chaos.is_over:
        try:
            async with client.session() as session:
                chaos.played.append(session.id)
                await asyncio.sleep(chaos.rng.choice(HOLDING_SECONDS))
        except SessionLostError as error:
            chaos.lost.append(error.reason)
        except PlacementError as error:
            chaos.refused[error.code] += 1
            await asyncio.sleep(0.05)


def play_in_a_thread(client: Client, chaos: Chaos) -> None:
    """The same."""
    while not chaos.is_over:
        try:
            with client.session() as session:
                chaos.played.append(session.id)
                time.sleep(chaos.rng.choice(HOLDING_SECONDS))
        except SessionLostError as error:
            chaos.lost.append(error.reason)
        except PlacementError as error:
            chaos.refused[error.code] += 1
            time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("seed", "fallback"), [(1, None), pytest.param(2, "two-choices", marks=pytest.mark.campaign)])
async def test_after_hundreds_of_random_faults_each_session_was_placed_once_and_has_ended(
    tmp_path: Path, seed: int, fallback: Literal["two-choices"] | None
) -> None:
    chaos, tasks = Chaos(seed, MANY[fallback]), asyncio.all_tasks()
    with ServiceProcess(tmp_path, settings={"SLTA_DURABILITY": "fsync"}) as service:
        fleet = Fleet.create(service, "f")
        async with Gate(service.port) as between:
            between.choose = chaos.choose
            copy = tmp_path / "copy"
            save(copy, [Endpoints(fleet.call("GET", "endpoints"))])
            options: dict[str, Any] = {"fallback": fallback, "fallback_file": copy} if fallback else {}
            threads = Client(between.url, "f", lease_seconds=9, **options)
            with ThreadPoolExecutor(10) as pool:
                async with AsyncClient(between.url, "f", lease_seconds=9, **options) as client:
                    players = [play(client, chaos) for _ in range(20)]
                    loop = asyncio.get_running_loop()
                    in_threads = [loop.run_in_executor(pool, play_in_a_thread, threads, chaos) for _ in range(10)]
                    await asyncio.gather(disturb(service, between, chaos), *players, *in_threads)
            await asyncio.to_thread(threads.close)
            await between.arrived()
        placed = placements(between)
        assert max(placed.values()) == 1
        assert not fallback or chaos.refused.keys() <= {"rate_limited"}
        assert len(chaos.played) == len(set(chaos.played)) > 100
        assert len(between.named("renew")) > 20
        assert renewed_after_end(between) == []
        assert fleet.live == 0
        assert [name for name in placed if fleet.status(name) == 200] == []
        counted = {name: fleet.counter(name) for name in ("assigned", "completed", "expired")}
    faults = dict(chaos.seen), dict(chaos.disturbed)
    print(seed, counted, *faults, len(chaos.played), "sessions, lost:", chaos.lost, "refused:", dict(chaos.refused))
    assert set(chaos.lost) <= {"expired"}
    assert asyncio.all_tasks() == tasks
    assert [thread.name for thread in threading.enumerate() if thread.name == "slta_client"] == []
