"""Ticks: about every 1.8 s every fleet ends expired leases and updates its time integrals."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from slta.models import Ticked
from slta.models.errors import (
    DispatchError,
    OutcomeUnknownError,
    StoreUnavailableError,
    UnknownFleetError,
)
from slta.runtime.automatic_repairs import AutomaticRepairs
from slta.runtime.jobs import SelfAudits
from slta.runtime.tick_loop import TickLoop
from slta.runtime.type_bounds import TypeBounds
from slta.runtime.vanished_fleets import Absences
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

        `vanished` is called with the verdict on each vanished fleet, see `vanished_fleets`.
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


def _now() -> float:
    return asyncio.get_running_loop().time()
