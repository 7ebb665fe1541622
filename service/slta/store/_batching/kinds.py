"""Kinds of operations that share calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from slta.store._client.rollback_detection import Stamp
from slta.store._failover.replay_log import ReplayLog
from slta.store._outcomes import Reply, with_attributes
from slta.store.operations import OPERATIONS, Value

Operation = tuple[Any, ...]
"""Operation of a kind: a tuple of `OperationArgs`."""


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
