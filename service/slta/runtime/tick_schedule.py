"""Tick schedule: when each fleet is ticked next, and which fleets share a packet."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Collection

TICK_SECONDS = 1.0
JITTER = 0.25
PACKET_SECONDS = 0.002
"""Most processor time of the server in one packet, in which no other client is served."""
PACKET_FLEETS = 16
MEMORY = 0.5
"""Weight of the last estimate of a fleet's time in the next: a mean, as one dear tick says little of those to come."""
SHARE = 0.5
"""Part of the server's time that ticks leave free …"""
ROUND_SECONDS = 2.0
"""… unless one tick of each fleet would then take longer: above 5 s between ticks no lease ends."""


class TickSchedule:
    """Fleets by the time of their next tick, in seconds of any monotonic clock. O(log fleets) per tick."""

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self._due: dict[str, float] = {}
        self._queue: list[tuple[float, str]] = []
        self._seconds: dict[str, float] = {}
        self._pace = 0.0

    @property
    def fleets(self) -> Collection[str]:
        """Names of all fleets."""
        return self._seconds.keys()

    def keep_only(self, fleets: Collection[str], now: float) -> None:
        """Forget all other fleets; new ones are due now."""
        names = set(fleets)
        for fleet in self._seconds.keys() - names:
            del self._seconds[fleet]
            self._due.pop(fleet, None)
        for fleet in sorted(names - self._seconds.keys()):
            self._seconds[fleet] = PACKET_SECONDS / PACKET_FLEETS
            self._put(fleet, now)

    def take(self, now: float, *, only_one: bool = False) -> list[list[str]]:
        """Packets of the fleets that are due, the longest due first. They stay out until `ticked`. O(fleets)."""
        self._pace = min(1 / (1 - SHARE), ROUND_SECONDS / max(sum(self._seconds.values()), 1e-9))
        packets: list[list[str]] = []
        seconds = 0.0
        while not (only_one and packets) and (fleet := self._pop(now)) is not None:
            seconds += self._seconds[fleet]
            if not packets or seconds > PACKET_SECONDS * (1 + 1e-9) or len(packets[-1]) == PACKET_FLEETS:
                packets.append([])
                seconds = self._seconds[fleet]
            packets[-1].append(fleet)
        return packets

    def _pop(self, now: float) -> str | None:
        while self._queue and self._queue[0][0] <= now:
            due, fleet = heapq.heappop(self._queue)
            if self._due.get(fleet) == due:
                del self._due[fleet]
                return fleet
        return None

    def pause(self, packet: Collection[str]) -> float:
        """Seconds from a packet of the last `take` to the next one."""
        return self._pace * sum(self._seconds.get(fleet, 0.0) for fleet in packet)

    def ticked(self, fleet: str, now: float, seconds: float, *, turn: float) -> None:
        """Schedule the next tick, in `turn` seconds if not 0. `seconds` of the server's time were spent."""
        if fleet not in self._seconds:
            return
        self._seconds[fleet] = MEMORY * self._seconds[fleet] + (1 - MEMORY) * seconds
        self._put(fleet, now + (turn or TICK_SECONDS * self._uniform(1 - JITTER, 1 + JITTER)))

    def _put(self, fleet: str, due: float) -> None:
        self._due[fleet] = due
        heapq.heappush(self._queue, (due, fleet))

    @property
    def next_due(self) -> float:
        """When the next fleet is due; infinity without fleets. A fleet that is gone may be counted once."""
        return self._queue[0][0] if self._queue else float("inf")
