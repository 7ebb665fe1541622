"""Recovery: restores what acknowledged calls said of sessions and the store has lost, and counts what it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from slta.models.errors import DispatchError, UnknownFleetError
from slta.store._client.functions import FunctionClient, StoreObserver
from slta.store._client.rollback_detection import History, RollbackDetector, Stamp
from slta.store._failover.items import Call, Item, Lost, lost_by
from slta.store._failover.replay_log import ReplayLog
from slta.store._outcomes import RESULTS, Reply
from slta.store.operations import Value

PER_CALL = 128
"""Items of a call."""
MAX_CONCURRENT = 8
"""Fleets that are recovered at a time."""
FLEETS_PER_PACKET = 64
SHOWN_NAMES = 1000

RESTORED = frozenset(RESULTS["restored"].split())
STORED = RESTORED | {"PRESENT"}
"""Outcomes of items that the store has then. Others have lost, and are not logged anew."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Result:
    """What became of items."""

    restored: int = 0
    left: list[Item] = field(default_factory=list)
    """To be sent again."""
    without_pool: set[str] = field(default_factory=set)
    """Sessions of these whose pools are unknown, which may be made."""
    is_over: bool = True
    """Whether all could be sent."""
    refused: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Names by kind and reason."""

    def refuse(self, kind: str, reason: str, names: Iterable[str]) -> None:
        """Add what is not restored."""
        self.refused.setdefault((kind, reason), []).extend(names)


class Recovery:
    """Restores what the detector's suspects have lost, and asks again about pools that are unknown."""

    def __init__(
        self, functions: FunctionClient, detector: RollbackDetector, replay_log: ReplayLog, observer: StoreObserver
    ) -> None:
        self._functions = functions
        self._detector = detector
        self._log = replay_log
        self._observer = observer
        self._waiting: dict[str, set[str]] = {}
        """Fleets of which items are left, and those of their sessions whose pools were unknown."""

    @property
    def fleets(self) -> set[str]:
        """Fleets that are being recovered."""
        return {*self._detector.suspects(), *self._waiting}

    async def run(self) -> None:
        """Recover each suspect, and send again what is left. If the store fails, the fleet stays as it is."""
        suspects = self.fleets
        may_be_lost = set(self._log.fleets()) - suspects if self._detector.suspects() else set()
        await self._ask("recover", suspects, self._recover)
        await self._ask("tick", may_be_lost, self._look_for)

    async def _ask(
        self, function: str, fleets: Iterable[str], take: Callable[[str, Reply | DispatchError], Awaitable[None]]
    ) -> None:
        names = sorted(fleets)
        for start in range(0, len(names), FLEETS_PER_PACKET):
            calls: dict[str, Mapping[str, Value]] = {fleet: {} for fleet in names[start : start + FLEETS_PER_PACKET]}
            replies = await self._functions.change_many(function, calls)
            free = asyncio.Semaphore(MAX_CONCURRENT)
            await asyncio.gather(*(_one_of(free, take(fleet, reply)) for fleet, reply in replies.items()))

    async def _recover(self, fleet: str, reply: Reply | DispatchError) -> None:
        if not isinstance(reply, DispatchError):
            await self._restore(fleet, _history(reply))
        await self._look_for(fleet, reply)

    async def _look_for(self, fleet: str, reply: Reply | DispatchError) -> None:
        """Count what is lost with a whole fleet, which the store had not stored when it went back."""
        if isinstance(reply, UnknownFleetError):
            self._detector.resolve(fleet)
            self._waiting.pop(fleet, None)
            lost, result = await lost_by(self._log.take(fleet)), Result()
            for item in lost.items.values():
                result.refuse(item.kind, "unknown_fleet", [item.session_id])
            for kind, names in lost.changes.items():
                result.refuse(kind, "unknown_fleet", names)
            self._count(fleet, result)

    async def _restore(self, fleet: str, history: History) -> None:
        missing = self._log.missing(fleet, history)
        lost = await lost_by(missing)
        result = await self._send(fleet, history.incarnation, lost)
        for kind, names in lost.changes.items():
            result.refuse(kind, "not_sent", names)
        if result.restored or (fleet not in self._waiting and (result.left or result.refused)):
            log.warning("store_went_back", fleet=fleet, replayed=result.restored, to_retry=len(result.left))
        self._count(fleet, result)
        self._settle(fleet, missing, history.incarnation, result)

    def _settle(self, fleet: str, missing: Sequence[Call], incarnation: int, result: Result) -> None:
        """Forget what was lost, but items that are left, which stay lost."""
        self._log.forget(fleet, missing, incarnation)
        if result.left:
            self._log.record_items(fleet, missing[-1].stamp, result.left)
            self._waiting[fleet] = result.without_pool
        else:
            self._waiting.pop(fleet, None)
        if result.is_over:
            self._detector.resolve(fleet, incarnation)

    async def _send(self, fleet: str, incarnation: int, lost: Lost) -> Result:
        """Send items; those that the store has then are logged as a call of its own."""
        items, result = list(lost.items.values()), Result()
        for start in range(0, len(items), PER_CALL):
            chunk = items[start : start + PER_CALL]
            try:
                reply, stamp = await self._functions.change_stamped(
                    "restore", fleet, incarnation=incarnation, items=chunk
                )
            except DispatchError:
                reply, stamp = ["FAILED"], Stamp(0, 0)
            if reply[0] != "RESTORED":  # or there is another incarnation, whose forks are asked for first
                result.left, result.is_over = result.left + items[start:], False
                break
            self._note(fleet, stamp, chunk, reply[1], result)
        return result

    def _note(self, fleet: str, stamp: Stamp, chunk: Sequence[Item], outcomes: Sequence[Reply], result: Result) -> None:
        stored, waiting = [], self._waiting.get(fleet, ())
        for item, (word, *more) in zip(chunk, outcomes, strict=False):
            result.restored += word in RESTORED
            if word in STORED:
                stored.append(item)
            elif word == "UNKNOWN_POOL":
                result.left.append(item)
                result.without_pool.add(item.session_id)
            elif word == "LATE":
                reason = "unknown_pool" if item.session_id in waiting else "late"
                result.refuse(item.kind, reason, [item.session_id])
            if more:
                result.refuse(item.kind, more[0], [item.session_id])
        result.left += chunk[len(outcomes) :]  # what an error has left out
        self._log.record_items(fleet, stamp, stored)

    def _count(self, fleet: str, result: Result) -> None:
        for (kind, reason), names in result.refused.items():
            self._observer.not_restored(kind, reason, len(names))
            log.error(
                "changes_not_restored", fleet=fleet, kind=kind, reason=reason, count=len(names),
                names=names[:SHOWN_NAMES],
            )  # fmt: skip


async def _one_of(free: asyncio.Semaphore, work: Awaitable[None]) -> None:
    async with free:
        await work


def _history(reply: Reply) -> History:
    _, *numbers = reply
    return History([Stamp(*map(int, pair)) for pair in zip(numbers[::2], numbers[1::2], strict=True)])
