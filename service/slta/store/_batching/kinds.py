"""Kinds of operations that share calls: those on sessions, and heartbeats of pools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from slta.models import MICROSECONDS
from slta.models.heartbeats import NO_QUALITY
from slta.store._client.rollback_detection import Stamp
from slta.store._failover.facts import PoolFact
from slta.store._failover.replay_log import ReplayLog
from slta.store._outcomes import Reply, with_attributes
from slta.store._pool_replies import BEGUN
from slta.store.operations import OPERATIONS, Value

Operation = tuple[Any, ...]
"""Operation of a kind: a tuple of `OperationArgs`, or a heartbeat."""


class Kind(NamedTuple):
    """Kind of operations: the Lua functions that run a batch of them, and what these take and reply.

    `when_full` runs those that `releases` accepts while the server's memory is full. The second word of a reply has an
    element for each operation; `record` logs what a failover may lose. `names` is the context of an operation's error.
    """

    function: str
    when_full: str
    releases: Callable[[Operation], bool]
    arguments: Callable[[Sequence[Operation]], Mapping[str, Value]]
    record: Callable[[ReplayLog, str, Stamp, Sequence[Operation], Reply], None]
    outcomes: Callable[[Reply], list[Any]]
    names: Callable[[Operation], Mapping[str, str]]


def _columns(heartbeats: Sequence[Operation]) -> Mapping[str, Value]:
    ids, ttls, counts, attributes, qualities = zip(*heartbeats, strict=True)
    rows = [(position, *both) for position, both in enumerate(attributes, 1) if both]
    some = qualities if {*qualities} != {NO_QUALITY} else ()
    return {"ids": ids, "ttls": ttls, "counts": counts, "qualities": some, "attributes": rows}


def _record_begun(log: ReplayLog, fleet: str, stamp: Stamp, heartbeats: Sequence[Operation], reply: Reply) -> None:
    if BEGUN in reply[1]:
        begun = (beat for beat, letter in zip(heartbeats, reply[1], strict=True) if letter == BEGUN)
        log.record_facts(
            fleet, stamp, (PoolFact(pool_id, ttl=str(int(ttl) * MICROSECONDS)) for pool_id, ttl, *_ in begun)
        )


SESSIONS = Kind(
    "batch",
    "release",
    releases=lambda operation: OPERATIONS[operation[0]].releases,
    arguments=lambda operations: {"operations": operations},
    record=lambda log, fleet, stamp, operations, reply: log.record(fleet, stamp, operations, reply[1]),
    outcomes=lambda reply: with_attributes(reply[1], reply[2]),
    names=lambda operation: {"session_id": operation[1]},
)
"""Rows of `OPERATIONS` with their arguments, `OperationArgs`."""
HEARTBEATS = Kind(
    "beat",
    "beat_full",
    releases=lambda _: True,
    arguments=_columns,
    record=_record_begun,
    outcomes=lambda reply: list(
        zip(reply[1], reply[2], repeat(reply[3]), reply[4] or repeat(NO_QUALITY), strict=False)
    ),
    names=lambda _: {},
)
"""Heartbeats; the outcome of each is its letter, whether the pool's list is wanted, the instant `as_of`, and the letter
of its quality."""
