"""Facts: what acknowledged calls established, as `lua/pools/replay.lua` and `lua/pools/replay_pools.lua` restore it."""

from __future__ import annotations

import asyncio
import marshal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from slta.core.session_types import DEFAULT_TYPE
from slta.store._client.rollback_detection import Stamp
from slta.store._outcomes import RESULTS
from slta.store._replies import split_type
from slta.store.operations import FACTS, OPERATIONS

Operation = Sequence[Any]
"""Kind, session id and arguments, a row of `OPERATIONS` or `FACTS`."""
Outcome = Sequence[Any]
"""The reply of one operation."""
SessionFact = tuple[str, str, Any, Any, Any, Any]
"""`placed`, session id, pool id (a blank, and the type unless it is the default one), lease in µs, start and due
second; or `ended`, session id, pool id, reason ('' if the session was unknown when it was completed), '' and ''."""

POOLS, DELETED = "pools", "deleted"
"""In place of operations: the outcomes are facts of pools; the fleet was deleted."""
REMOVED, UNDRAINED = "removed", "active undrained"
"""Status of a removed pool, and of one that an operator returned, as others may be active and wait to be heard."""
PLACED = frozenset(RESULTS["placement"].split())


class Call(NamedTuple):
    """Acknowledged call: time, stamp of the reply, and the serialized operations and outcomes.

    As objects, ten seconds of calls at 16,000 operations per second would be a million: a garbage collection then took
    14 ms, and cache misses cost 4 µs per operation.
    """

    at: float
    stamp: Stamp
    payload: bytes


class PoolFact(NamedTuple):
    """What a call established of a pool, as words of `lua/pools/replay_pools.lua`; '' where it left something alone.

    `status` may have a drain's deadline behind a blank, or be `UNDRAINED`; `ttl` is that of a lease which the call
    began, in µs.
    """

    pool_id: str
    pool_class: str = ""
    status: str = ""
    address: str = ""
    labels: str = ""
    ttl: str = ""
    stamp: str = ""

    def after(self, earlier: PoolFact | None) -> PoolFact:
        """Both facts as one, with the stamp of the earlier one if this is of a lease only.

        A move leaves a pool undrained.
        """
        if earlier is None or REMOVED in (self.status, earlier.status):
            return self
        both = PoolFact(*(later or before for later, before in zip(self, earlier, strict=True)))
        if (earlier.status, self.status) == (UNDRAINED, "active"):
            both = both._replace(status=UNDRAINED)
        is_lease = not (self.pool_class or self.status or self.address or self.labels)
        return both._replace(stamp=earlier.stamp) if is_lease else both


def status_word(status: str, drain: str) -> str:
    """The status of a fact about a pool to which an operator gave this one, perhaps with a drain's deadline."""
    return UNDRAINED if status == "active" else f"{status} {drain}".rstrip()


def name_of(fact: SessionFact | PoolFact) -> str:
    """What a fact is of, as in `Facts.names`."""
    return f"pool {fact.pool_id}" if isinstance(fact, PoolFact) else fact[1]


def fact_of(operation: Operation, outcome: Outcome) -> SessionFact | None:
    """The fact that an operation established; None if there is nothing to lose."""
    kind, session_id, *arguments = operation
    if kind in FACTS:
        return (kind, session_id, *arguments)
    if outcome[0] in PLACED:
        _, session_type = split_type(outcome[2])
        where = outcome[1] if session_type == DEFAULT_TYPE else f"{outcome[1]} {session_type}"
        return ("placed", session_id, where, *outcome[3:6])
    end = OPERATIONS[kind].ends.get(outcome[0]) if kind in OPERATIONS else None
    return ("ended", session_id, *end(arguments, outcome), "", "") if end else None


@dataclass(slots=True)
class Facts:
    """The last fact of each session, of which an end is final, of each pool, and of the fleet."""

    sessions: dict[str, SessionFact] = field(default_factory=dict)
    pools: dict[str, PoolFact] = field(default_factory=dict)
    deleted: Stamp | None = None

    def __bool__(self) -> bool:
        return bool(self.sessions or self.pools or self.deleted)

    def add(self, call: Call) -> None:
        """Add those of a call that is later than all before."""
        operations, outcomes = marshal.loads(call.payload)  # noqa: S302 - serialized by this process
        if operations == DELETED:
            self.deleted = call.stamp
        elif operations == POOLS:
            for words in outcomes:
                pool = PoolFact(*words)._replace(stamp=str(call.stamp))
                self.pools[pool.pool_id] = pool.after(self.pools.get(pool.pool_id))
        else:
            for operation, outcome in zip(operations, outcomes, strict=True):
                fact = fact_of(operation, outcome)
                known = fact and self.sessions.get(fact[1])
                if fact and not (fact[0] == "placed" and known and known[0] == "ended"):
                    self.sessions[fact[1]] = fact

    def of_pools(self, *, removed: bool) -> list[PoolFact]:
        """Those that are removed, or that are not."""
        return [fact for fact in self.pools.values() if (fact.status == REMOVED) == removed]

    def names(self) -> Iterator[str]:
        """What they are of: session ids, `pool` and its id, `fleet`."""
        yield from map(name_of, self.sessions.values())
        yield from map(name_of, self.pools.values())
        yield from ["fleet"] if self.deleted else []


async def facts_of(calls: Iterable[Call], facts: Facts | None = None) -> Facts:
    """Facts of calls in order, after others. Yields to the event loop after each call."""
    facts = facts or Facts()
    for call in calls:
        facts.add(call)
        await asyncio.sleep(0)
    return facts
