"""Exceptions of a dispatcher call. A class's docstring is the message that the client receives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class DispatchError(Exception):
    """The dispatcher rejected the call."""

    code = "error"
    fact = "name"
    """Key in `context` of the one value that the store may return with the error."""

    def __init__(self, detail: str | None = None, **context: str) -> None:
        """`detail` replaces the docstring as message; `context` has machine-readable values (pool_id, reason)."""
        super().__init__(detail or self.__doc__)
        self.context = context


class UnknownFleetError(DispatchError):
    """The fleet does not exist: create it with PUT /v1/fleets/{fleet}."""

    code = "unknown_fleet"


class NewerFleetError(DispatchError):
    """The fleet's stored state requires a newer dispatcher: upgrade this one or use another; nothing was changed."""

    code = "newer_fleet"
    fact = "layout"


class RepairingError(DispatchError):
    """The fleet is being rebuilt from its records, which takes seconds; nothing was changed. Retry."""

    code = "repairing"


class DamagedError(DispatchError):
    """The fleet's stored data is damaged: if no repair begins within seconds, run `slta audit --repair`."""

    code = "fleet_damaged"


class DocumentUnreadableError(DamagedError):
    """The fleet's stored configuration is missing or unreadable, and a repair needs it: PUT the configuration."""

    code = "document_unreadable"


class WouldSetAsideError(DispatchError):
    """The repair would set aside over 10 records, or over 1 % of the sessions: allow it with `set_aside=true`."""

    code = "would_set_aside"


class UnknownPoolError(DispatchError):
    """The fleet has no pool with this `pool_id`."""

    code = "unknown_pool"


class UnknownClassError(DispatchError):
    """The fleet has no class with this name: add it to `classes` of the fleet's configuration first."""

    code = "unknown_class"


class UnknownSessionError(DispatchError):
    """The session does not exist, or ended more than `retention_seconds` ago."""

    code = "unknown_session"


class SessionEndedError(DispatchError):
    """The session has ended; see `pool_id` and `reason`. A new session needs a new `session_id`."""

    code = "session_ended"


class NoCapacityError(DispatchError):
    """Every active pool is full; nothing was changed. Retry when sessions have ended, or add pools."""

    code = "no_capacity"


class NoActivePoolError(DispatchError):
    """The fleet has no active pool; nothing was changed. Add or undrain pools."""

    code = "no_active_pool"


class FleetObservesError(DispatchError):
    """The fleet's `policy` places no sessions: report them with PUT …/sessions/{session_id}, or change it."""

    code = "fleet_observes"


class OverCapacityError(DispatchError):
    """The pool already holds the `capacity` of its class, so the report was rejected: check that `capacity`."""

    code = "over_capacity"


class ReportedPoolUnknownError(DispatchError):
    """The fleet has no pool with the reported `pool_id`, so the report was rejected: create the pool first."""

    code = "reported_pool_unknown"


class PoolNotEmptyError(DispatchError):
    """The pool still holds sessions: drain it and wait, or fail it."""

    code = "pool_not_empty"


class PoolInOtherClassError(DispatchError):
    """The pool exists in another class: once it is empty, move it with PUT …/pools/{pool_id}."""

    code = "pool_in_other_class"


class PoolLimitError(DispatchError):
    """A fleet holds at most 65,536 pools: split it into cells."""

    code = "pool_limit"


class FleetInUseError(DispatchError):
    """The fleet has live sessions: complete them, or fail its pools, before deleting it."""

    code = "fleet_in_use"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One validation error, without the rejected value.

    `location` is the path of names and indexes; `place` the line and column, from 1, if the input was a file.
    """

    location: tuple[int | str, ...]
    field: str
    reason: str
    place: tuple[int, int] | None = None

    def __str__(self) -> str:
        where = f"line {self.place[0]}, column {self.place[1]}: " if self.place else ""
        return f"{where}{self.field}{': ' if self.field else ''}{self.reason}"


class InvalidFleetError(DispatchError):
    """The fleet's configuration is invalid."""

    code = "invalid_fleet"

    def __init__(self, detail: str | None = None, mistakes: Sequence[Mistake] = (), **context: str) -> None:
        """`mistakes` are all validation errors that have a location."""
        super().__init__(detail, **context)
        self.mistakes = tuple(mistakes)


class VersionMismatchError(DispatchError):
    """The configuration does not have the expected version: read it again, merge and retry."""

    code = "version_mismatch"
    fact = "config_version"


class CapacityBelowOccupancyError(DispatchError):
    """A pool holds more sessions than the new `capacity` of its class; nothing was changed."""

    code = "capacity_below_occupancy"


class ClassInUseError(DispatchError):
    """A class that still has pools is missing from the new `classes`; nothing was changed."""

    code = "class_in_use"


class StaleReportError(DispatchError):
    """`as_of` is not a time of the fleet's present history: read it again, then list and send the sessions anew."""

    code = "stale_report"
    fact = "as_of"


class UtilitiesChangedError(DispatchError):
    """Curves or capacities changed within the window, so it has no averages: begin a new window."""

    code = "utilities_changed"


class InvalidIntegralsError(DispatchError):
    """`since` is not an `integrals` value of this fleet's `state` or `averages`."""

    code = "invalid_integrals"


class StoreUnavailableError(DispatchError):
    """The store did not respond; nothing was changed. Retry shortly."""

    code = "store_unavailable"


class OlderLayoutError(StoreUnavailableError):
    """The fleet was written by an unreleased version: delete the data directory or volume."""

    fact = "layout"


class OutcomeUnknownError(DispatchError):
    """The store did not confirm the operation, which may have been applied: retry with the same `session_id`."""

    code = "outcome_unknown"
