"""Ticks: about every 1.8 s every fleet ends expired leases and updates its time integrals.

A loop for each server ticks its fleets, each when its store said; a server that fails delays no other's. A fleet that a
tick does not find, or that is not listed, is judged: deleted, or lost?
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Literal

import structlog

from slta.models import Ticked
from slta.models.errors import DispatchError, OutcomeUnknownError, StoreUnavailableError, UnknownFleetError
from slta.runtime.jobs import AutomaticRepairs, SelfAudits
from slta.runtime.type_bounds import TypeBounds
from slta.store import Store
from slta.store.library import layout_mismatch

UNANSWERED = StoreUnavailableError | OutcomeUnknownError
"""Errors of a tick that the server has not answered, or rejected with all others."""
UNTICKED = Ticked(recent=True)
"""What a tick that failed leaves to do."""
CONCURRENT_LOOKS = 12
"""Absent fleets that are looked at together."""
EVENTS = {"lost": "fleet_vanished", "relisted": "fleet_relisted", "undeleted": "fleet_deletion_undone"}
"""Log lines by the verdict on an absent fleet."""
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
ABSENT_SECONDS = 5.0
"""Longer than the time between the two steps of a PUT or DELETE."""
UNDECIDED = frozenset({StoreUnavailableError.code, OutcomeUnknownError.code})
"""Outcomes of a tick that leave open whether the fleet exists."""
Tick = Callable[[Sequence[str]], Coroutine[object, object, Mapping[str, Ticked]]]
Verdict = Literal["pending", "deleted", "lost", "relisted", "undeleted"]

log = structlog.get_logger(__name__)


class Ticks:
    """Ticks of all fleets, by a loop for each server. Every process has them; the store shares their turns out."""

    def __init__(
        self,
        store: Store,
        repairs: AutomaticRepairs,
        audits: SelfAudits,
        bounds: TypeBounds,
        vanished: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`repairs` receives suspect fleets, `audits` fleets whose audit is claimed, `bounds` intervals that wait.

        `vanished` is called with the verdict on each vanished fleet, see `Absences`.
        """
        self._store = store
        self._repairs = repairs
        self._audits = audits
        self._bounds = bounds
        self._vanished = vanished
        self._loops: dict[object, TickLoop] = {}
        self._dealt = asyncio.Event()
        self.absences = Absences()
        self._names: Collection[str] | None = None
        self._outcomes: dict[str, str] = {}
        self._mismatches: dict[str, str] = {}
        self._held: dict[str, float] = {}
        self.last_error: DispatchError | None = None
        """The last one of a tick, or of a round."""
        self.first_round = asyncio.Event()
        """Set once all fleets have been ticked."""

    async def round(self, evicted_keys: int = 0) -> str:
        """Read which fleets there are, once a second; return an error code, also of a fleet's last tick, or ''.

        `evicted_keys`: number of keys that the server has evicted so far.
        """
        try:
            names = await self._store.fleets.names()
            self._keep_only(names)
            outcomes = {fleet: self._outcomes.get(fleet, StoreUnavailableError.code) for fleet in names}
            await self._detect_vanished(outcomes, evicted_keys)
        except DispatchError as error:
            self.last_error = error
            return error.code
        return next((code for code in self._outcomes.values() if code not in ("", UnknownFleetError.code)), "")

    def _keep_only(self, names: Collection[str]) -> None:
        self._store.keep_only({*names, *self.absences.unlisted(names)})
        kept = self._names = frozenset(names)
        for jobs in (self._repairs, self._audits, self._bounds):
            jobs.keep_only(kept)
        self._outcomes = {fleet: code for fleet, code in self._outcomes.items() if fleet in kept}
        self._mismatches = {fleet: why for fleet, why in self._mismatches.items() if fleet in kept}
        self._held = {fleet: seconds for fleet, seconds in self._held.items() if fleet in kept}
        self._deal(kept)
        self._conclude()

    def _deal(self, names: Collection[str]) -> None:
        """Give each fleet to the loop of its server."""
        dealt = defaultdict[object, list[str]](list)
        for fleet in names:
            dealt[self._store.fleets.server(fleet)].append(fleet)
        for server in self._loops.keys() | dealt.keys():
            if server not in self._loops:
                self._loops[server] = TickLoop(self.tick, self._store.is_refusing)
            self._loops[server].keep_only(dealt[server])
        self._loops = {server: loop for server, loop in self._loops.items() if dealt[server]}
        self._dealt.set()

    @property
    def held_seconds(self) -> float:
        """Longest time for which leases of a fleet do not end, by the last tick of each; 0 without any."""
        return max(self._held.values(), default=0.0)

    def _conclude(self) -> None:
        self._store.layout_mismatch = min(self._mismatches.values(), default="")
        if self._names is not None and len(self._outcomes) == len(self._names):
            self.first_round.set()

    async def run(self) -> None:
        """Tick each fleet when it is due, until cancelled."""
        running: dict[TickLoop, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                self._dealt.clear()
                running = {loop: running.get(loop) or group.create_task(loop.run()) for loop in self._loops.values()}
                await self._dealt.wait()

    async def tick(self, fleets: Sequence[str]) -> Mapping[str, Ticked]:
        """Tick fleets of a server in one packet, each even if another fails; `UNTICKED` for those that do."""
        ticked = dict.fromkeys(fleets, UNTICKED)
        try:
            audit = random.choice(fleets) if self._audits.is_idle else ""
            results = await self._store.fleets.tick(fleets, self._bounds.excesses, audit=audit)
            self._heard(self._loops.get(self._store.fleets.server(fleets[0])), results.values())
            for fleet, result in results.items():
                code = self._settle(fleet, result)
                if isinstance(result, Ticked):
                    ticked[fleet] = replace(result, turn_seconds=0) if self._store.is_doubted(fleet) else result
                if self._names and fleet in self._names:
                    self._outcomes[fleet], self._held[fleet] = code, ticked[fleet].held_seconds
        except Exception:
            log.exception("ticks_failed", fleets=len(fleets))
        self._conclude()
        return ticked

    def _heard(self, loop: TickLoop | None, results: Iterable[Ticked | DispatchError]) -> None:
        """Tell a server's loop whether it answered. While it is away, only one of its fleets is ticked."""
        if loop:
            loop.answers = not all(isinstance(one, UNANSWERED) for one in results)
            self._outcomes |= dict.fromkeys(loop.fleets if loop.is_away else (), StoreUnavailableError.code)

    def _settle(self, fleet: str, result: Ticked | DispatchError) -> str:
        """Hand on what a tick found; '' or an error code."""
        self._mismatches.pop(fleet, None)
        if isinstance(result, DispatchError):
            self.last_error = result
            if layout := result.context.get("layout"):
                self._mismatches[fleet] = layout_mismatch(fleet, int(layout))
            return result.code
        self._repairs.ticked(fleet, result.suspect)
        if result.audit:
            self._audits.claimed(fleet, result.audit)
        if not result.recent:
            self._bounds.ticked(fleet, result.interval)
        return ""

    async def _detect_vanished(self, outcomes: dict[str, str], evicted_keys: int) -> None:
        due = self.absences.due(outcomes, _now(), evicted_keys)
        reachable = [fleet for fleet in due if not self._store.is_refusing(fleet)]
        for start in range(0, len(reachable), CONCURRENT_LOOKS):
            part = reachable[start : start + CONCURRENT_LOOKS]
            await asyncio.gather(*(self._judge(fleet, listed=fleet in outcomes) for fleet in part))

    async def _judge(self, fleet: str, *, listed: bool) -> None:
        """Look at an absent fleet, and list it again if it is there; again in the next round if that fails."""
        with suppress(DispatchError):
            left = await self._store.fleets.keys_left(fleet)
            verdict = self.absences.verdict(fleet, _now(), listed=listed, keys_left=left > 0)
            if verdict in ("relisted", "undeleted"):
                try:
                    await self._store.fleets.relist(fleet)
                except UnknownFleetError:  # only other keys than its state are left
                    verdict = "lost"
            if verdict == "pending":
                return
            self.absences.judged(fleet)
            if verdict != "deleted":
                log.error(EVENTS[verdict], fleet=fleet, listed=listed, keys_left=left)
                self._vanished(verdict)


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


class Absences:
    """Fleets that this process has seen, and since when some of them are absent: gone, or off the list.

    DELETE atomically removes all keys of a fleet, then its name from the list. PUT adds the name to the list, then
    atomically writes all keys. So a fleet whose state has been missing for `ABSENT_SECONDS`, or whose name was missing
    in two looks so far apart, is

    | name | condition | verdict |
    |---|---|---|
    | listed | this process has seen it before | lost |
    | listed | never seen here, other keys remain | lost |
    | listed | never seen here, no key remains | deleted: an interrupted PUT |
    | not listed | keys remain | relisted: the list has lost the name |
    | not listed | keys remain, but there were none before | undeleted: the server has lost the DELETE |
    | not listed | no key remains, but the server has evicted keys since it was present | lost |
    | not listed | no key remains, none was evicted | deleted |

    A process has seen the fleets that it has ticked, and those that a census found off the list.

    Three cases are misjudged. A fleet that lost its name and all keys otherwise, by FLUSHALL or without permission for
    INFO, counts as deleted. A fleet deleted while the server evicts keys counts as lost; so does one whose DELETE was
    interrupted between its two steps, until the DELETE is repeated. One whose DELETE was lost before the first look
    counts as relisted.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._keyless: set[str] = set()
        """Those absent ones that had no state, or no key, when they were looked at."""
        self._since: dict[str, float] = {}
        self._evicted_before = math.inf
        self._has_evicted = False

    def found(self, fleets: Iterable[str]) -> None:
        """Fleets off the list that a census found."""
        self._seen.update(fleets)

    def unlisted(self, names: Collection[str]) -> set[str]:
        """Fleets that are not on the list of these names, and are not judged yet."""
        return self._seen.difference(names)

    def due(self, ticks: Mapping[str, str], now: float, evicted_keys: int = 0) -> list[str]:
        """Fleets to look at: off the list for the first time, or absent for `ABSENT_SECONDS`.

        `ticks`: outcome of each listed fleet's tick, '' or an error code; `now` in seconds; `evicted_keys`: number of
        keys that the server has evicted so far.
        """
        missing = {fleet for fleet, outcome in ticks.items() if outcome == UnknownFleetError.code}
        present = {fleet for fleet, outcome in ticks.items() if outcome not in UNDECIDED} - missing
        absent = missing | self.unlisted(ticks.keys())
        undecided = ticks.keys() - present - missing
        self._seen |= present
        kept = missing | ((absent | undecided) & self._since.keys())
        self._since = {fleet: self._since.get(fleet, now) for fleet in kept}
        self._keyless = (self._keyless | missing) & (absent | undecided)
        self._has_evicted = evicted_keys > self._evicted_before
        if all(self._since.get(fleet) == math.inf for fleet in absent | kept):  # none is pending
            self._evicted_before = evicted_keys
        return sorted(fleet for fleet in absent if now - self._since.get(fleet, -math.inf) >= ABSENT_SECONDS)

    def verdict(self, fleet: str, now: float, *, listed: bool, keys_left: bool) -> Verdict:
        """Verdict on a fleet that is due; `pending` at the first look at one off the list."""
        if fleet not in self._since:
            self._since[fleet] = now
            self._keyless.update([] if keys_left else [fleet])
            return "pending"
        if keys_left and not listed:
            return "undeleted" if fleet in self._keyless else "relisted"
        return "lost" if keys_left or (fleet in self._seen and (listed or self._has_evicted)) else "deleted"

    def judged(self, fleet: str) -> None:
        """Look at the fleet no more until it reappears."""
        self._seen.discard(fleet)
        self._since[fleet] = math.inf


def _now() -> float:
    return asyncio.get_running_loop().time()
