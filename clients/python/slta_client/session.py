"""Placed session: where it is, and whether it still has its place."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from slta_client.endpoints import DEFAULT_TYPE
from slta_client.errors import SessionLostError

_log = logging.getLogger("slta_client")

OnLost = Callable[[str], object]
"""Called with the reason; in asyncio from the client's task, otherwise from its thread."""
Priority = Literal["high", "low"]


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
