"""Kinds of operations that share calls: those on sessions, and heartbeats of pools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from slta.models.pools import NO_QUALITY
from slta.store._client.rollback_detection import Stamp
from slta.store._failover.replay_log import ReplayLog
from slta.store._outcomes import with_attributes
from slta.store.operations import OPERATIONS, Value

Operation = tuple[Any, ...]
"""Operation of a kind: a tuple of `OperationArgs`, or a heartbeat."""


class Kind(NamedTuple):
    """Kind of operations: the Lua functions that run a batch of them, and what these take and reply.

    `when_full` runs those that `releases` accepts while the server's memory is full. The second word of a reply has an
    element for each operation, of which `record` logs what a failover may lose; `outcomes` takes the words from there.
    `names` is the context of an operation's error.
    """

    function: str
    when_full: str
    releases: Callable[[Operation], bool]
    arguments: Callable[[Sequence[Operation]], Mapping[str, Value]]
    record: Callable[[ReplayLog, str, Stamp, Sequence[Operation], Sequence[Any]], None]
    outcomes: Callable[..., list[Any]]
    names: Callable[[Operation], Mapping[str, str]]


def _columns(heartbeats: Sequence[Operation]) -> Mapping[str, Value]:
    ids, ttls, counts, attributes, qualities = zip(*heartbeats, strict=True)
    rows = [(position, *both) for position, both in enumerate(attributes, 1) if both]
    some = qualities if {*qualities} != {NO_QUALITY} else ()
    return {"ids": ids, "ttls": ttls, "counts": counts, "qualities": some, "attributes": rows}


SESSIONS = Kind(
    "batch",
    "release",
    releases=lambda operation: OPERATIONS[operation[0]].releases,
    arguments=lambda operations: {"operations": operations},
    record=ReplayLog.record,
    outcomes=with_attributes,
    names=lambda operation: {"session_id": operation[1]},
)
"""Rows of `OPERATIONS` with their arguments, `OperationArgs`."""
HEARTBEATS = Kind(
    "beat",
    "beat_full",
    releases=lambda _: True,
    arguments=_columns,
    record=lambda *_: None,
    outcomes=lambda letters, lists, as_of, qualities: list(
        zip(letters, lists, repeat(as_of), qualities or repeat(NO_QUALITY), strict=False)
    ),
    names=lambda _: {},
)
"""Heartbeats; the outcome of each is its letter, whether the pool's list is wanted, the instant `as_of`, and the letter
of its quality."""
