"""Recovery: replays acknowledged writes that the store has lost, and marks their fleets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

import structlog

from slta.models.errors import DispatchError, FleetInUseError, OutcomeUnknownError, UnknownFleetError
from slta.store._client.functions import FunctionClient
from slta.store._client.observer import StoreObserver
from slta.store._client.rollback_detection import History, RollbackDetector, Stamp
from slta.store._failover.facts import Facts, PoolFact, SessionFact, facts_of, name_of
from slta.store._failover.replay_log import ReplayLog
from slta.store._outcomes import REFUSALS, RESULTS, SESSION_REFUSALS, Reply
from slta.store.operations import Value

PER_CALL = {"replay": 128, "replay_pools": 1000}
"""Facts of a call."""
MAX_CONCURRENT = 8
"""Fleets that are recovered at a time."""
FLEETS_PER_PACKET = 64
RETRY_SECONDS = 10.0
"""How long facts that do not fit are tried again: another dispatcher may still have what makes room for them."""
REST_SECONDS = 8.0
"""How long removals of pools that do not fit then wait for a last time: sessions end by themselves meanwhile."""
SHOWN_IDS = 1000

RESTORED = frozenset(RESULTS["restored fact"].split())
UNFIT = frozenset({*REFUSALS, *SESSION_REFUSALS}) - {"ENDED", "UNKNOWN"}
"""Outcomes of facts that do not fit now. An end, and the answer that a session is unknown, are final."""
NOT_LOGGED = UNFIT | {"SUPERSEDED"}
"""Outcomes of facts that are not in the store then. Logged anew, an old one would have the stamp of its replay."""
WITHOUT_TYPE = "session_type"
"""Reason of sessions put back as `default`, since their type may not use their class any more."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Replay:
    """A fleet's facts that are to be replayed, and the outcomes of those that were."""

    facts: Facts
    until: float = 0.0
    """When what does not fit is given up."""
    rests: bool = False
    """Nothing is tried before `until`: while a recovery goes on, no session ends with its pool."""
    outcomes: Counter[str] = field(default_factory=Counter)
    unfit: dict[str, str] = field(default_factory=dict)
    """Outcome of each name of `Facts.names` that did not fit the last time."""

    @property
    def restored(self) -> int:
        """Number of restored facts."""
        return sum(self.outcomes[name] for name in RESTORED)


class Recovery:
    """Replays the lost writes of the detector's suspects, and for a while those that did not fit at first."""

    def __init__(
        self,
        functions: FunctionClient,
        detector: RollbackDetector,
        replay_log: ReplayLog,
        observer: StoreObserver,
        unlist: Callable[[str], Awaitable[None]],
    ) -> None:
        """`unlist` takes a deleted fleet from the list of fleets."""
        self._functions = functions
        self._detector = detector
        self._log = replay_log
        self._observer = observer
        self._unlist = unlist
        self._waiting: dict[str, Replay] = {}

    @property
    def fleets(self) -> set[str]:
        """Fleets that are being recovered."""
        return {*self._detector.suspects(), *self._waiting}

    async def run(self) -> None:
        """Recover each suspect, and try again what did not fit. If the store fails, the fleet stays as it is."""
        suspects, now = set(self._detector.suspects()), monotonic()
        may_be_lost = set(self._log.fleets()) - self.fleets if suspects else set()
        due = {fleet for fleet, replay in self._waiting.items() if not replay.rests or now >= replay.until}
        await self._ask("recover", suspects | due, self._recover)
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
        with suppress(DispatchError):
            if not isinstance(reply, DispatchError):
                await self._replay(fleet, _history(reply))
        await self._look_for(fleet, reply)

    async def _look_for(self, fleet: str, reply: Reply | DispatchError) -> None:
        """Count what is lost with a whole fleet, which the store had not stored when it went back."""
        if isinstance(reply, UnknownFleetError):
            self._detector.resolve(fleet)
            waiting = self._waiting.get(fleet)
            self._give_up(fleet, Replay(await facts_of(self._log.take(fleet), waiting.facts if waiting else None)))

    async def _replay(self, fleet: str, history: History) -> None:
        missing = self._log.missing(fleet, history)
        waiting = self._waiting.get(fleet)
        facts = await facts_of(missing, waiting.facts if waiting else None)
        replay = Replay(facts, waiting.until, waiting.rests) if waiting else Replay(facts)
        is_lost = any(history.fate(call.stamp) == "lost" for call in missing) and bool(replay.facts)
        if is_lost:  # before the replay, which may take longer than a lease
            await self._functions.change("mark", fleet, incarnation=history.incarnation)
        await self._send_all(fleet, history.incarnation, replay)
        if not is_lost and missing and (replay.restored or replay.unfit):
            await self._functions.change("mark", fleet, incarnation=history.incarnation)
        if is_lost or (missing and (replay.restored or replay.unfit)):
            log.warning("store_went_back", fleet=fleet, replayed=replay.restored, to_retry=len(replay.unfit))
        if count := replay.outcomes[WITHOUT_TYPE]:
            self._observer.not_replayed(WITHOUT_TYPE, count)
            log.warning("session_types_lost", fleet=fleet, sessions=count)
        self._log.forget(fleet, missing, history.incarnation)
        self._detector.resolve(fleet, history.incarnation)
        if missing:
            replay.until, replay.rests = monotonic() + RETRY_SECONDS, False
        self._wait(fleet, replay)

    def _wait(self, fleet: str, replay: Replay) -> None:
        """Keep what does not fit for the next time; removals of pools for a last time once the others are given up."""
        facts, unfit = replay.facts, replay.unfit
        facts.sessions = {name: facts.sessions[name] for name in unfit if name in facts.sessions}
        pool_ids = (name.removeprefix("pool ") for name in unfit if name.startswith("pool "))
        facts.pools = {pool_id: facts.pools[pool_id] for pool_id in pool_ids}
        facts.deleted = facts.deleted if "fleet" in unfit else None
        if facts and monotonic() < replay.until:
            self._waiting[fleet] = replay
            return
        removals = {fact.pool_id: fact for fact in facts.of_pools(removed=True) if not replay.rests}
        facts.pools = {pool_id: fact for pool_id, fact in facts.pools.items() if pool_id not in removals}
        self._give_up(fleet, replay)
        if removals:
            self._waiting[fleet] = Replay(Facts(pools=removals), monotonic() + REST_SECONDS, rests=True)

    def _give_up(self, fleet: str, replay: Replay) -> None:
        """Give up what has not fitted for long enough, or has no fleet, and count it by reason."""
        self._waiting.pop(fleet, None)
        reasons = Counter(replay.unfit.get(name, "UNKNOWN_FLEET").lower() for name in replay.facts.names())
        for reason, count in reasons.items():
            self._observer.not_replayed(reason, count)
        if reasons:
            ids = list(replay.facts.names())[:SHOWN_IDS]
            log.error("changes_not_replayed", fleet=fleet, **reasons, ids=ids)

    async def _send_all(self, fleet: str, incarnation: int, replay: Replay) -> None:
        """Replay in an order in which most fits. Idempotent. StoreUnavailableError, OutcomeUnknownError."""
        facts = replay.facts
        await self._send(fleet, incarnation, replay, facts.of_pools(removed=False))
        for kind in ("ended", "placed"):
            await self._send(fleet, incarnation, replay, [fact for fact in facts.sessions.values() if fact[0] == kind])
        await self._send(fleet, incarnation, replay, facts.of_pools(removed=True))
        if facts.deleted:
            _note(replay, ["fleet"], [[await self._delete(fleet, facts.deleted)]])

    async def _delete(self, fleet: str, stamp: Stamp) -> str:
        """Replay a deletion; its outcome."""
        try:
            reply, _ = await self._functions.record("delete", fleet, None, expected=None, stamp=str(stamp))
        except FleetInUseError:
            return "IN_USE"
        if reply[0] == "DELETED":
            await self._unlist(fleet)
        return str(reply[0])

    async def _send(
        self, fleet: str, incarnation: int, replay: Replay, facts: Sequence[SessionFact | PoolFact]
    ) -> None:
        """Replay facts of sessions, or of pools, and log those that are restored as a call of its own."""
        function = "replay_pools" if facts and isinstance(facts[0], PoolFact) else "replay"
        for start in range(0, len(facts), PER_CALL[function]):
            chunk = facts[start : start + PER_CALL[function]]
            reply, stamp = await self._functions.change_stamped(function, fleet, incarnation=incarnation, facts=chunk)
            if reply[0] == "OTHER_FLEET":
                raise UnknownFleetError
            words_of = [outcome[0] for outcome in reply[1]]
            if "FAULT" in words_of or "NOT_RUN" in words_of:
                raise OutcomeUnknownError
            restored = [fact for fact, word in zip(chunk, words_of, strict=True) if word not in NOT_LOGGED]
            self._log.record_facts(fleet, stamp, restored)
            _note(replay, map(name_of, chunk), reply[1])


async def _one_of(free: asyncio.Semaphore, work: Awaitable[None]) -> None:
    async with free:
        await work


def _history(reply: Reply) -> History:
    _, *numbers = reply
    return History([Stamp(*map(int, pair)) for pair in zip(numbers[::2], numbers[1::2], strict=True)])


def _note(replay: Replay, names: Iterable[str], outcomes: Sequence[Reply]) -> None:
    for name, (word, *more) in zip(names, outcomes, strict=True):
        replay.outcomes[word] += 1
        replay.outcomes[WITHOUT_TYPE] += bool(more) and word == "PLACED"
        if word in UNFIT:
            replay.unfit[name] = word
