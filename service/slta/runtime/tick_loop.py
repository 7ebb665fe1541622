"""Tick loop: ticks the fleets of one server, each when its store said; a server that fails delays no other's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from slta.models import Ticked

MAX_CONCURRENT_CALLS = 4
"""Where processors are short, more wait until they are given up."""
PACKET_FLEETS = 16
PACKET_SECONDS = 0.002
"""Most processor time of the server in one packet, in which no other client is served."""
SHARE = 0.5
"""Part of the server's time that ticks leave free …"""
ROUND_SECONDS = 2.0
"""… unless one tick of each fleet would then take longer: above 5 s between ticks no lease ends."""
GATHER_SECONDS = 0.05
"""Time from one look for due fleets to the next, so that they share packets."""
MAX_IDLE_SECONDS = 0.25
TICK_SECONDS = 1.0
"""Time to the next tick of a fleet for which the store gave none, and of a server that is away."""
JITTER = 0.25

Tick = Callable[[Sequence[str]], Coroutine[object, object, Mapping[str, Ticked]]]


class TickLoop:
    """Loop over the fleets of one server; only one is ticked at a time while the server is away."""

    def __init__(self, tick: Tick, is_refusing: Callable[[str], bool]) -> None:
        """`tick` ticks fleets in one call and never fails; `is_refusing` as in `Store`."""
        self._tick = tick
        self._is_refusing = is_refusing
        self._due: dict[str, float] = {}
        self._costs: dict[str, float] = {}
        self._calls = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self._next_probe = 0.0
        self.answers = True
        """Whether the last call was answered."""

    @property
    def fleets(self) -> Collection[str]:
        """Names of all fleets."""
        return self._due.keys()

    def keep_only(self, fleets: Collection[str]) -> None:
        """Forget all other fleets; new ones are due now. Without any `run` ends."""
        self._due = {fleet: self._due.get(fleet, 0.0) for fleet in fleets}
        self._costs = {fleet: self._costs.get(fleet, PACKET_SECONDS / PACKET_FLEETS) for fleet in fleets}

    @property
    def is_away(self) -> bool:
        """Whether the last call was not answered, and the server's last check failed. A tick may pass where a batch
        does not, as in a store whose memory is full.
        """
        return not self.answers and any(map(self._is_refusing, islice(self._due, 1)))

    async def run(self) -> None:
        """Send packets of the fleets that are due, as long as there are fleets."""
        async with asyncio.TaskGroup() as group:
            while self._due:
                began = paced = _now()
                pace = min(1 / (1 - SHARE), ROUND_SECONDS / max(sum(self._costs.values()), 1e-9))
                for packet in list(packets(self._take(began))):
                    group.create_task(self._send([fleet for fleet, _ in packet]))
                    paced += pace * sum(cost for _, cost in packet)
                    await asyncio.sleep(paced - _now())  # a late wake-up is made up for by the packets that follow
                due = min(self._due.values(), default=0.0)
                await asyncio.sleep(max(GATHER_SECONDS, min(due - _now(), MAX_IDLE_SECONDS)))

    def _take(self, now: float) -> list[tuple[str, float]]:
        """The fleets that are due, the longest due first, and their costs. They stay out until they are ticked."""
        late = sorted((due, fleet) for fleet, due in self._due.items() if due <= now)
        if self.is_away:
            late = late[:1] if self._next_probe <= now else []
            self._next_probe = now + TICK_SECONDS if late else self._next_probe
        self._due |= {fleet: float("inf") for _, fleet in late}
        return [(fleet, self._costs[fleet]) for _, fleet in late]

    async def _send(self, fleets: Sequence[str]) -> None:
        """Tick fleets in one call, and those that it leaves work to do again at once."""
        while fleets:
            async with self._calls:
                results = await self._tick(fleets)
            for fleet, ticked in results.items():
                if fleet in self._due:
                    self._costs[fleet] = ticked.seconds
                    wait = ticked.turn_seconds or TICK_SECONDS * random.uniform(1 - JITTER, 1 + JITTER)
                    self._due[fleet] = float("inf") if ticked.remain else _now() + wait
            fleets = [fleet for fleet in self._due.keys() & results.keys() if results[fleet].remain]
            await asyncio.sleep(sum(results[fleet].seconds for fleet in fleets))


def packets(due: Iterable[tuple[str, float]]) -> Iterator[list[tuple[str, float]]]:
    """Fleets and their costs in seconds, parted in order: together at most the limits above, or a single fleet."""
    packet: list[tuple[str, float]] = []
    for fleet, cost in due:
        is_full = len(packet) == PACKET_FLEETS or sum(one for _, one in packet) + cost > PACKET_SECONDS * (1 + 1e-9)
        if packet and is_full:
            yield packet
            packet = []
        packet.append((fleet, cost))
    if packet:
        yield packet


def _now() -> float:
    return asyncio.get_running_loop().time()
