"""Session: as it is wanted, as it is placed, and the errors that it raises at its beginning and its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from slta_client.endpoints import DEFAULT_TYPE

_log = logging.getLogger("slta_client")

OnLost = Callable[[str], object]
"""Called with the reason; in asyncio from the client's task, otherwise from its thread."""
Priority = Literal["high", "low"]


class PlacementError(Exception):
    """The session was not placed. `code` is of the last reply (docs/client-protocol.md), from `fleet`."""

    def __init__(self, code: str, detail: str, *, fleet: str, session_id: str, reason: str | None = None) -> None:
        """`detail` is for people; `reason` comes with `session_ended`."""
        super().__init__(f"{fleet}: {detail} ({code})" if detail else f"{fleet}: {code}")
        self.code = code
        self.fleet = fleet
        self.session_id = session_id
        self.reason = reason


class NoCapacityError(PlacementError):
    """Every active pool is full, or none is active. `wait` waits for a place instead."""


class SessionEndedError(PlacementError):
    """The id's session has ended, for `reason`. A new session needs a new id."""


class RefusedError(PlacementError):
    """The request is wrong: key, fleet or id. Repeating it unchanged does not help."""


class UnavailableError(PlacementError):
    """The deadline or the retry budget was used up before a definite answer.

    If the session was placed all the same, the client ends it.
    """


class SessionLostError(Exception):
    """The session's place was given away while its block ran.

    `reason` is `expired` (lease), `failed` (pool), `pool_gone` (its pool sent no heartbeats), `completed` (by another
    call), `reported_ended` (not in its pool's list) or `unknown`.
    """

    def __init__(self, session_id: str, pool_id: str, reason: str) -> None:
        super().__init__(f"session {session_id} lost its place on {pool_id}: {reason}")
        self.session_id = session_id
        self.pool_id = pool_id
        self.reason = reason


@dataclass(frozen=True)
class Wanted:
    """A session to place: in which of the fleets, in order, and for how long to wait for capacity.

    `session_type` is None for all classes, `priority` for high.
    """

    session_id: str
    fleets: tuple[str, ...]
    lease_seconds: float | None
    wait_seconds: float
    on_lost: OnLost | None
    session_type: str | None = None
    priority: Priority | None = None


@dataclass(eq=False, slots=True)
class Session:
    """Session. Times are seconds of the client's clock; `lease_seconds` is 0 without a lease.

    `replayed`: the id was live before. `lost`: why its place was given away, None while it has it; `expired` stands for
    any reason until slta has named it, just before `on_lost` is called. `placed_by`: `slta` or `fallback`. Of a session
    placed by the fallback, until slta knows it, `wanted_lease` is the lease to report (None: the fleet's), and
    `in_doubt` says that slta may know it all the same. `session_type` says which classes it may use.
    """

    id: str
    fleet: str
    pool_id: str
    pool_class: str
    address: str | None
    lease_seconds: float
    replayed: bool
    placed_by: str = "slta"
    lost: str | None = None
    on_lost: OnLost | None = field(default=None, repr=False)
    lease_ends_at: float = field(default=0.0, repr=False)
    due_at: float = field(default=0.0, repr=False)
    wanted_lease: float | None = field(default=None, repr=False)
    in_doubt: bool = field(default=False, repr=False)
    session_type: str = DEFAULT_TYPE

    def leased(self, sent_at: float) -> None:
        """Begin the lease again: it lasts at least from when the request was sent; a third of it later it is renewed.

        An early renewal joins others: `due_at` minus a tenth of that third.
        """
        self.lease_ends_at = sent_at + self.lease_seconds
        self.due_at = sent_at + self.lease_seconds / 3

    @property
    def early_at(self) -> float:
        """When a renewal may be sent together with one that is due."""
        return self.due_at - self.lease_seconds / 30

    def check(self) -> None:
        """Raise SessionLostError if its place was given away."""
        if self.lost is not None:
            raise SessionLostError(self.id, self.pool_id, self.lost)

    def tell(self) -> None:
        """Call `on_lost`. An error in it is logged: it must not end the renewals of other sessions."""
        if self.on_lost is not None and self.lost is not None:
            try:
                self.on_lost(self.lost)
            except Exception:  # noqa: BLE001 - the application's, whatever it is
                _log.exception("on_lost failed for session %s", self.id)
