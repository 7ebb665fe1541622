"""Exceptions of a dispatcher call, and the mistakes that one may list.

The docstring of an exception is the message that the client receives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Applied = Literal["no", "perhaps"]
Again = Literal["at_once", "later", "changed"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One validation error of a fleet file or a body, without the rejected value.

    `location` is the path of names and indexes; `place` the line and column, from 1, if the input was a file.
    """

    location: tuple[int | str, ...]
    field: str
    reason: str
    place: tuple[int, int] | None = None

    def __str__(self) -> str:
        where = f"line {self.place[0]}, column {self.place[1]}: " if self.place else ""
        return f"{where}{self.field}{': ' if self.field else ''}{self.reason}"


class DispatchError(Exception):
    """The dispatcher rejected the call."""

    code = "error"
    status = 500
    """HTTP status of the response."""
    applied: Applied = "no"
    """Whether the operation was applied all the same."""
    again: Again = "changed"
    """When the same call can succeed: as soon as it is repeated, later, or once somebody has changed something."""
    facts: Sequence[str] = ("name",)
    """Keys in `context` of the values that the store may return with the error, in order."""
    of_type = ""
    """Message instead of the docstring if the context has a session type, a format of `session_type` and `classes`."""

    def __init_subclass__(cls, **attributes: int | str | Sequence[str]) -> None:
        """Set the attributes that are given; a subclass inherits the others. AttributeError for another name."""
        for name, value in attributes.items():
            getattr(cls, name)
            setattr(cls, name, value)

    def __init__(self, detail: str | None = None, **context: str) -> None:
        """`detail` replaces the docstring as message; `context` has machine-readable values (pool_id, reason)."""
        super().__init__(detail or self._detail_of_type(**context) or self.__doc__)
        self.context = context

    def _detail_of_type(self, session_type: str = "", pool_classes: str = "", **_: str) -> str:
        classes = ", ".join(pool_classes.split())
        return self.of_type.format(session_type=session_type, classes=classes) if session_type else ""


class UnknownFleetError(DispatchError, code="unknown_fleet", status=404):
    """The fleet does not exist: create it with PUT /v1/fleets/{fleet}."""


class NewerFleetError(DispatchError, code="newer_fleet", status=503, again="later", facts=("layout",)):
    """The fleet's stored state requires another version of the dispatcher: use that one; nothing was changed."""


class RecoveringError(DispatchError, code="recovering", status=503, again="later"):
    """The store has lost acknowledged changes, which are being restored; this session may be among them. Retry."""


class DamagedError(DispatchError, code="fleet_damaged", status=503, again="later"):
    """The fleet's stored data is damaged: if no repair begins within seconds, run `slta audit --repair`."""


class RepairFailedError(DamagedError, facts=("reason",)):
    """The repair itself fails; `reason` is the error that the store met."""

    def __str__(self) -> str:
        """Message with the reason."""
        return f"the repair itself fails: {self.context['reason']}"


class DocumentUnreadableError(DamagedError, code="document_unreadable"):
    """The fleet's stored configuration is missing or unreadable, and a repair needs it: PUT the configuration."""


class WouldSetAsideError(DispatchError, code="would_set_aside", status=409):
    """The repair would set aside over 10 records, or over 1 % of the sessions: allow it with `set_aside: true`."""


class UnknownPoolError(DispatchError, code="unknown_pool", status=404):
    """The fleet has no pool with this `pool_id`."""


class PoolNotAllowedError(DispatchError, code="pool_not_allowed", status=403):
    """The key's scope `pool` is restricted to other pools; nothing was changed. See `pools` in its key file entry."""


class PoolQuotaError(DispatchError, code="pool_quota", status=403):
    """The key creates pools in its `classes` only, up to `most_pools`, none without both; see its key file entry."""


class ChangeTooLargeError(DispatchError, code="change_too_large", status=422, facts=("size",)):
    """One call changes at most 1,000 pools and 50,000 sessions; see `size`. Nothing was changed."""


class UnknownClassError(DispatchError, code="unknown_class", status=422):
    """The fleet has no class with this name: add it to `classes` of the fleet's configuration first."""


class UnknownSessionTypeError(
    DispatchError, code="unknown_session_type", status=422, facts=("session_type", "session_types")
):
    """The fleet has no session type with this name; see `session_types`. Nothing was changed."""


class UnknownSessionError(DispatchError, code="unknown_session", status=404):
    """The session does not exist, or ended more than `retention_seconds` ago."""


class SessionEndedError(DispatchError, code="session_ended", status=409):
    """The session has ended; see `pool_id` and `reason`. Its id stays taken for one to two `retention_seconds`."""


class NoCapacityError(
    DispatchError,
    code="no_capacity",
    status=429,
    again="later",
    facts=("session_type", "pool_classes"),
    of_type="Nothing was changed: no active pool of the classes that sessions of type `{session_type}` may use "
    "({classes}) has room. Retry when sessions have ended, or add pools of these classes.",
):
    """Every active pool is full; nothing was changed. Retry when sessions have ended, or add pools."""


class NoActivePoolError(
    DispatchError,
    code="no_active_pool",
    status=429,
    again="later",
    facts=("session_type", "pool_classes"),
    of_type="Nothing was changed: the classes that sessions of type `{session_type}` may use ({classes}) have no "
    "active pool. Add or undrain pools of these classes.",
):
    """The fleet has no active pool; nothing was changed. Add or undrain pools."""


class LowPriorityError(DispatchError, code="low_priority", status=429, again="later"):
    """The last free places are kept for sessions that are not of low priority; nothing was changed. Retry later."""


class FleetObservesError(DispatchError, code="fleet_observes", status=409):
    """The fleet's `policy` places no sessions: report them with PUT …/sessions/{session_id}, or change it."""


class OverCapacityError(DispatchError, code="over_capacity", status=409):
    """The pool already holds the `capacity` of its class, so the report was rejected: check that `capacity`."""


class IncompatibleError(DispatchError, code="incompatible", status=409):
    """Sessions of this type may not use the pool's class, so the report was rejected: check the session's type."""


class ReportedPoolUnknownError(DispatchError, code="reported_pool_unknown", status=409):
    """The fleet has no pool with the reported `pool_id`, so the report was rejected: create the pool first."""


class PoolNotEmptyError(DispatchError, code="pool_not_empty", status=409):
    """The pool still holds sessions: drain it and wait, or fail it."""


class PoolInOtherClassError(DispatchError, code="pool_in_other_class", status=409):
    """The pool exists in another class: once it is empty, move it with PUT …/pools/{pool_id}."""


class PoolLimitError(DispatchError, code="pool_limit", status=409):
    """A fleet holds at most 65,536 pools: split it into cells."""


class FleetInUseError(DispatchError, code="fleet_in_use", status=409):
    """The fleet has live sessions: complete them, or fail its pools, before deleting it."""


class InvalidFleetError(DispatchError, code="invalid_fleet", status=422):
    """The fleet's configuration is invalid; `detail` names the member."""

    def __init__(self, detail: str | None = None, mistakes: Sequence[Mistake] = (), **context: str) -> None:
        """`mistakes` are all validation errors that have a location."""
        super().__init__(detail, **context)
        self.mistakes = tuple(mistakes)


class VersionMismatchError(DispatchError, code="version_mismatch", status=412, facts=("config_version",)):
    """The configuration does not have the expected version: read it again, merge and retry."""


class InvalidPreconditionError(DispatchError, code="invalid_precondition", status=400):
    """If-Match must be * or one ETag as GET returns it, such as "3" with its quotes; If-None-Match must be *."""


class CapacityBelowOccupancyError(DispatchError, code="capacity_below_occupancy", status=409):
    """A pool holds more sessions than the new `capacity` of its class; nothing was changed."""


class ClassInUseError(DispatchError, code="class_in_use", status=409):
    """A class that still has pools is missing from the new `classes`; nothing was changed."""


class SessionTypeInUseError(
    DispatchError, code="session_type_in_use", status=409, facts=("session_type", "sessions", "pool_classes")
):
    """A type is removed, or loses a class that stays, while its `sessions` are present; nothing was changed."""

    def _detail_of_type(self, session_type: str = "", pool_classes: str = "", sessions: str = "", **_: str) -> str:
        if not session_type:
            return ""
        change = f"takes {', '.join(pool_classes.split())} from" if pool_classes else "removes"
        return (
            f"Nothing was changed: the change {change} the session type `{session_type}`, of which sessions are "
            f"present ({sessions}). Let no new ones begin; repeat the change when they have ended."
        )


class StaleReportError(DispatchError, code="stale_report", status=409, facts=("as_of",)):
    """`as_of` is not a time of the fleet's present history: read it again, then list and send the sessions again."""


class UtilitiesChangedError(DispatchError, code="utilities_changed", status=409):
    """Curves, capacities, session types or classes changed since, or the fleet was repaired: begin a new window."""


class InvalidIntegralsError(DispatchError, code="invalid_integrals", status=422):
    """`since` is not an `integrals` value of this fleet's `state` or `averages`."""


class ScaleNotConfiguredError(DispatchError, code="scale_not_configured", status=404):
    """The fleet's configuration has no `scale`: add costs and an aim first."""


class AdviceWithheldError(DispatchError, code="advice_withheld", status=503, again="later"):
    """Too little is known of the fleet, see `reason`; remove no pool, and add at most `may_add` by class."""


class StoreUnavailableError(DispatchError, code="store_unavailable", status=503, again="at_once"):
    """The store did not respond; nothing was changed. Retry shortly."""


class OutcomeUnknownError(DispatchError, code="outcome_unknown", status=503, applied="perhaps", again="at_once"):
    """The store did not confirm the operation, which may have been applied: repeat the request."""

    def __init__(self, detail: str | None = None, **context: str) -> None:
        """`session_id` in the context is part of the default message."""
        same = "The store did not confirm the operation, which may have been applied: retry with the same `session_id`."
        super().__init__(detail or (same if "session_id" in context else None), **context)


WITHOUT_PLACE = (NoCapacityError, NoActivePoolError, LowPriorityError)
REFUSE_ASSIGN = (SessionEndedError, FleetObservesError, UnknownSessionTypeError, *WITHOUT_PLACE)
"""Refusals of an assign, by whichever route."""
