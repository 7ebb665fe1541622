"""Recovery: replays acknowledged writes that the store has lost, and marks their fleets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic

import structlog

from slta.models.errors import DispatchError, OutcomeUnknownError, UnknownFleetError
from slta.models.request_record import Author
from slta.store.client.functions import FunctionClient
from slta.store.client.observer import StoreObserver
from slta.store.failover.facts import Facts, PoolFact, SessionFact, facts_of, name_of
from slta.store.failover.replay_log import ReplayLog
from slta.store.failover.rollback_detection import History, RollbackDetector, Stamp
from slta.store.outcomes import REFUSALS, RESULTS, SESSION_REFUSALS, Reply

PER_CALL = {"replay": 128, "replay_pools": 1000}
"""Facts of a call."""
MAX_CONCURRENT = 8
"""Fleets that are recovered at a time."""
FLEETS_PER_PACKET = 64
RETRY_SECONDS = 10.0
"""How long facts that do not fit are tried again: another dispatcher may still have what makes room for them."""
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
    def fleets(self) -> Collection[str]:
        """Fleets that are being recovered."""
        return {*self._detector.suspects(), *self._waiting}

    async def run(self) -> None:
        """Recover each suspect, and try again what did not fit. If the store fails, the fleet stays as it is."""
        fleets = sorted(self.fleets)
        for start in range(0, len(fleets), FLEETS_PER_PACKET):
            replies = await self._functions.change_many("recover", fleets[start : start + FLEETS_PER_PACKET])
            free = asyncio.Semaphore(MAX_CONCURRENT)
            await asyncio.gather(*(self._recover(fleet, reply, free) for fleet, reply in replies.items()))

    async def _recover(self, fleet: str, reply: Reply | DispatchError, free: asyncio.Semaphore) -> None:
        if isinstance(reply, UnknownFleetError):
            self._detector.resolve(fleet)
            self._give_up_late(fleet, self._waiting.get(fleet) or Replay(Facts()))
        if isinstance(reply, DispatchError):
            return
        async with free:
            try:
                await self._replay(fleet, _history(reply))
            except UnknownFleetError:
                self._detector.resolve(fleet)
            except DispatchError:
                pass

    async def _replay(self, fleet: str, history: History) -> None:
        missing = self._log.missing(fleet, history)
        waiting = self._waiting.get(fleet)
        replay = Replay(await facts_of(missing, waiting.facts if waiting else None), waiting.until if waiting else 0)
        is_lost = any(history.fate(call.stamp) == "lost" for call in missing) and bool(replay.facts)
        if is_lost:  # before the replay, which may take longer than a lease
            await self._functions.change("mark", fleet, history.incarnation)
        await self._send_all(fleet, history.incarnation, replay)
        if not is_lost and missing and (replay.restored or replay.unfit):
            await self._functions.change("mark", fleet, history.incarnation)
        if is_lost or (missing and (replay.restored or replay.unfit)):
            log.warning("store_went_back", fleet=fleet, replayed=replay.restored, to_retry=len(replay.unfit))
        if count := replay.outcomes[WITHOUT_TYPE]:
            self._observer.not_replayed(WITHOUT_TYPE, count)
            log.warning("session_types_lost", fleet=fleet, sessions=count)
        self._log.forget(fleet, missing, history.incarnation)
        self._detector.resolve(fleet, history.incarnation)
        if missing:
            replay.until = monotonic() + RETRY_SECONDS
        self._wait(fleet, replay)

    def _wait(self, fleet: str, replay: Replay) -> None:
        """Keep what does not fit for the next time."""
        facts, unfit = replay.facts, replay.unfit
        facts.sessions = {name: facts.sessions[name] for name in unfit if name in facts.sessions}
        pool_ids = (name.removeprefix("pool ") for name in unfit if name.startswith("pool "))
        facts.pools = {pool_id: facts.pools[pool_id] for pool_id in pool_ids}
        facts.deleted = facts.deleted if "fleet" in unfit else None
        self._waiting.pop(fleet, None)
        if facts:
            self._waiting[fleet] = replay
            self._give_up_late(fleet, replay)

    def _give_up_late(self, fleet: str, replay: Replay) -> None:
        """Give up what has not fitted for long enough, and count it by reason."""
        if replay.facts and monotonic() >= replay.until:
            del self._waiting[fleet]
            reasons = Counter(replay.unfit.get(name, "UNKNOWN_FLEET").lower() for name in replay.facts.names())
            for reason, count in reasons.items():
                self._observer.not_replayed(reason, count)
            ids = list(replay.facts.names())[:SHOWN_IDS]
            log.error("changes_not_replayed", fleet=fleet, **reasons, ids=ids)

    async def _send_all(self, fleet: str, incarnation: int, replay: Replay) -> None:
        """Replay in an order in which most fits. Idempotent. StoreUnavailableError, OutcomeUnknownError."""
        facts = replay.facts
        await self._send(fleet, incarnation, replay, facts.of_pools(removed=False))
        for kind in ("ended", "placed"):
            await self._send(fleet, incarnation, replay, facts.of_sessions(kind))
        await self._send(fleet, incarnation, replay, facts.of_pools(removed=True))
        if facts.deleted:
            stamp = f"{facts.deleted.incarnation} {facts.deleted.revision}"
            (outcome, *_), _ = await self._functions.send_stamped("delete", fleet, str(Author()), "", stamp)
            _note(replay, ["fleet"], [[outcome]])
            if outcome == "DELETED":
                await self._unlist(fleet)

    async def _send(
        self, fleet: str, incarnation: int, replay: Replay, facts: Sequence[SessionFact] | Sequence[PoolFact]
    ) -> None:
        """Replay facts of sessions, or of pools, and log those that are restored as a call of its own."""
        function = "replay_pools" if facts and isinstance(facts[0], PoolFact) else "replay"
        for start in range(0, len(facts), PER_CALL[function]):
            chunk = facts[start : start + PER_CALL[function]]
            words = [word for fact in chunk for word in fact]
            reply, stamp = await self._functions.change_stamped(function, fleet, incarnation, *words)
            if reply[0] == "OTHER_FLEET":
                raise UnknownFleetError
            words_of = [outcome[0] for outcome in reply[1]]
            if "FAULT" in words_of or "NOT_RUN" in words_of:
                raise OutcomeUnknownError
            restored = [fact for fact, word in zip(chunk, words_of, strict=True) if word not in NOT_LOGGED]
            self._log.record_facts(fleet, stamp, restored)
            _note(replay, map(name_of, chunk), reply[1])


def _history(reply: Reply) -> History:
    _, *numbers = reply
    return History([Stamp(*map(int, pair)) for pair in zip(numbers[::2], numbers[1::2], strict=True)])


def _note(replay: Replay, names: Iterable[str], outcomes: Sequence[Reply]) -> None:
    for name, (word, *more) in zip(names, outcomes, strict=True):
        replay.outcomes[word] += 1
        replay.outcomes[WITHOUT_TYPE] += bool(more) and word == "PLACED"
        if word in UNFIT:
            replay.unfit[name] = word
