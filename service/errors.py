"""Everything a call can be refused for. Each class's docstring is its message: it says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class DispatchError(Exception):
    """The dispatcher refused the call."""

    code = "error"
    fact = "name"
    """What the one fact that the store may add to a refusal is called in its `context`."""

    def __init__(self, detail: str | None = None, **context: str) -> None:
        """`detail` replaces the docstring as message; `context` holds facts for programs (pool_id, reason)."""
        super().__init__(detail or self.__doc__)
        self.context = context


class UnknownFleet(DispatchError):
    """No fleet has this name: create it with PUT /v1/fleets/{fleet}."""

    code = "unknown_fleet"


class NewerFleet(DispatchError):
    """The fleet uses what this dispatcher does not know yet: upgrade it, or ask another one; nothing was changed."""

    code = "newer_fleet"


class OlderFleet(DispatchError):
    """The fleet was written by an unreleased version: delete the data folder or volume; nothing was changed."""

    code = "older_fleet"


class Repairing(DispatchError):
    """The fleet is being rebuilt from its records, which takes seconds; nothing was changed. Ask again."""

    code = "repairing"


class Damaged(DispatchError):
    """What the store holds of the fleet is damaged: if no repair begins within seconds, run `slta audit --repair`."""

    code = "fleet_damaged"


class DocumentUnreadable(Damaged):
    """The fleet's document is missing or unreadable, and no repair begins without one: PUT the configuration."""

    code = "document_unreadable"


class WouldSetAside(DispatchError):
    """The repair would set aside more than 10 records, or than 1 % of the sessions: ask with `set_aside=true`."""

    code = "would_set_aside"


class UnknownPool(DispatchError):
    """No pool of the fleet has this id."""

    code = "unknown_pool"


class UnknownClass(DispatchError):
    """The fleet has no class of this name: add it to the fleet's configuration first."""

    code = "unknown_class"


class UnknownSession(DispatchError):
    """The session was never seen, or ended longer ago than `retention_seconds`."""

    code = "unknown_session"


class SessionEnded(DispatchError):
    """The session has ended; `pool_id` and `reason` say where and why. A new session needs a new id."""

    code = "session_ended"


class NoCapacity(DispatchError):
    """Every active pool is full; nothing was changed. Try again when sessions have ended, or add pools."""

    code = "no_capacity"


class NoActivePool(DispatchError):
    """The fleet has no active pool; nothing was changed. Add or undrain pools."""

    code = "no_active_pool"


class FleetObserves(DispatchError):
    """The fleet places nothing: report where sessions go with PUT …/sessions/{session_id}, or change its policy."""

    code = "fleet_observes"


class OverCapacity(DispatchError):
    """The pool is full by the fleet file, and the figures leave the report out: is the class's capacity right?"""

    code = "over_capacity"


class ReportedPoolUnknown(DispatchError):
    """No pool of the fleet has the reported id, and the figures leave the report out: create the pool first."""

    code = "reported_pool_unknown"


class PoolNotEmpty(DispatchError):
    """The pool still holds sessions: drain it and wait, or fail it."""

    code = "pool_not_empty"


class PoolInOtherClass(DispatchError):
    """The pool exists in another class: move it with PUT …/pools/{pool_id} when it is empty."""

    code = "pool_in_other_class"


class PoolLimit(DispatchError):
    """A fleet holds at most 65,536 pools: split it into cells."""

    code = "pool_limit"


class FleetInUse(DispatchError):
    """Sessions live in the fleet: complete them, or fail its pools, before deleting it."""

    code = "fleet_in_use"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at one place of what was sent, and never the value that was sent.

    `location` leads to it by names and indexes. `place` is its line and column, from 1, where it came from a file.
    """

    location: tuple[int | str, ...]
    field: str
    reason: str
    place: tuple[int, int] | None = None

    def __str__(self) -> str:
        where = f"line {self.place[0]}, column {self.place[1]}: " if self.place else ""
        return f"{where}{self.field}{': ' if self.field else ''}{self.reason}"


class InvalidFleet(DispatchError):
    """The fleet's configuration is not valid."""

    code = "invalid_fleet"

    def __init__(self, detail: str | None = None, mistakes: Sequence[Mistake] = (), **context: str) -> None:
        """`mistakes` are all that were found, where they have a place of their own."""
        super().__init__(detail, **context)
        self.mistakes = tuple(mistakes)


class VersionMismatch(DispatchError):
    """The configuration has changed since it was read: read it again, merge and repeat."""

    code = "version_mismatch"
    fact = "config_version"


class CapacityBelowOccupancy(DispatchError):
    """A pool holds more sessions than the new capacity of its class allows; nothing was changed."""

    code = "capacity_below_occupancy"


class ClassInUse(DispatchError):
    """A class that still has pools is missing from the new configuration; nothing was changed."""

    code = "class_in_use"


class StaleReport(DispatchError):
    """The list is of another time than the fleet's: read `as_of` again, list the sessions anew, and send that."""

    code = "stale_report"
    fact = "as_of"


class UtilitiesChanged(DispatchError):
    """Curves or capacities changed within the window: averages across the change have no meaning."""

    code = "utilities_changed"


class InvalidIntegrals(DispatchError):
    """`since` is not a value that `state` or `averages` gave for this fleet."""

    code = "invalid_integrals"


class StoreUnavailable(DispatchError):
    """The store did not answer and nothing was changed: try again shortly."""

    code = "store_unavailable"


class OutcomeUnknown(DispatchError):
    """The store may or may not have done it: ask again with the same session id."""

    code = "outcome_unknown"
