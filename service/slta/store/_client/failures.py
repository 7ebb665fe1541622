"""Failures of store calls, classified: kind, and whether the call may have run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from slta.models.errors import DispatchError, OutcomeUnknownError, StoreUnavailableError
from slta.store._client.name_lookup import NameLookupError


class NotReplicatedError(RedisError):
    """Too few replicas confirmed a write in time: it ran, and may be lost with the master."""


class StaleMasterError(RedisError):
    """The reply came from a replaced master: its write may be discarded."""


class UnknownNodeError(RedisError):
    """A node of a cluster names one that no node announces; the message has its address."""


class UnsuitableServerError(RedisError):
    """A server of a cluster fails the preflight check; the message has the reason and the remedy."""


class NotFsyncedError(RedisError):
    """The server may reply before a write is on disk; the message has the reason."""


class NotSentError(RedisConnectionError):
    """No connection, so nothing was sent; `__cause__` is the reason."""


_CODES = (
    "LOADING MASTERDOWN READONLY CLUSTERDOWN TRYAGAIN MOVED ASK BUSY MISCONF OOM NOREPLICAS NOAUTH NOPERM WRONGPASS"
)
REFUSING_ERRORS = (*_CODES.split(), "ERR max number of clients")
"""Prefixes of error replies to calls that the server did not run."""

REFUSING_ERROR_KINDS = {prefix: prefix.split()[-1].lower() for prefix in REFUSING_ERRORS}
"""Kind of failure by prefix."""

AMBIGUOUS_ERROR_KINDS = {
    NameLookupError: "dns",
    NotReplicatedError: "unconfirmed",
    StaleMasterError: "left",
    UnknownNodeError: "unknown_node",
    UnsuitableServerError: "unsuitable",
    NotFsyncedError: "unsynced",
    RedisTimeoutError: "timeout",
    TimeoutError: "timeout",
    RedisConnectionError: "connection",
    OSError: "connection",
    ResponseError: "response",
}
"""Kind of failure by exception type; the call may have run."""

FAILOVER_KINDS = frozenset({"readonly", "masterdown", "loading", "timeout", "unconfirmed"})
"""Kinds of failures that a failover may have caused: the connections are renewed, and find the new master."""


OPERATORS = frozenset({"unknown_node", "unsuitable"})
"""Kinds of failures that last until an operator acts, and whose message says how."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Classified error. `kind` is a metric label, `ran` whether the call may have run."""

    kind: str
    ran: bool

    @property
    def is_of_function(self) -> bool:
        """Whether the function itself failed, as on a damaged field: a repeat would meet the same error."""
        return self.kind == "response" and self.ran


def cause_of(failed: BaseException | None) -> str:
    """First message in the chain of causes of a failed call, else the last one's type; '' without a cause."""
    error = failed.__cause__ if failed else None
    while error is not None and not str(error) and error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__ if error is not None else ""


class StoreCallError(Exception):
    """Failed call, with its classified `failure`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind)
        self.failure = failure

    def as_dispatch_error(self) -> DispatchError:
        """The error for a caller that does not retry; its cause is this one."""
        error = OutcomeUnknownError() if self.failure.ran else self.unavailable()
        error.__cause__ = self
        return error

    def unavailable(self) -> StoreUnavailableError:
        """The error of a call that changed nothing; where the operator must act, its message says why."""
        why = cause_of(self) if self.failure.kind in OPERATORS else ""
        return StoreUnavailableError(f"{StoreUnavailableError.__doc__} {why[:1].upper()}{why[1:]}." if why else None)


def is_forbidden(error: ResponseError) -> bool:
    """Whether the ACL forbids the command, or the server has renamed it."""
    return isinstance(error, NoPermissionError) or str(error).startswith("unknown command")


def classify_timeout(error: TimeoutError) -> Failure:
    """Classify the end of a call by `asyncio.timeout`: without a connection nothing was sent."""
    cancelled = error.__cause__
    return Failure("timeout", ran=not (cancelled and isinstance(cancelled.__cause__, NotSentError)))


def classify(error: RedisError | OSError) -> Failure:
    """Classify by the text: redis-py redacts `repr`, and its types do not show whether the call was sent."""
    if isinstance(error, NotSentError) and isinstance(error.__cause__, (RedisError, OSError)):
        return replace(classify(error.__cause__), ran=False)
    code = getattr(error, "status_code", None)  # redis-py strips known codes from the text
    text = f"{code} {error}" if code else str(error)
    if "Function not found" in text:
        return Failure("function_missing", ran=False)
    for prefix, kind in REFUSING_ERROR_KINDS.items():
        if f"{text} ".startswith(f"{prefix} "):
            return Failure(kind, ran=False)
    kind = next((kind for type_, kind in AMBIGUOUS_ERROR_KINDS.items() if isinstance(error, type_)), "other")
    return Failure(kind, ran=True)
