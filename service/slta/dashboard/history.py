"""History of a watched fleet, for the charts: the same from every dispatcher, as the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from slta.api.http.bodies import in_worker
from slta.core.fleet import FleetSpec
from slta.models import MICROSECONDS, Integrals, Snapshot
from slta.store import Store
from slta.views.history import Ends, Piece, is_comparable, pieces

CHARTED = (300, 3600)
"""Windows of the charts, in seconds, each in sixty pieces."""
LINES = 60
"""Lines of a window, see `lua/fleets/history.lua`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Pieces by window, oldest first."""

    windows: Mapping[int, list[Piece]]


@dataclass
class FleetHistory:
    """History of one fleet. `latest` is another object if it has changed."""

    store: Store
    latest: History = field(default_factory=lambda: History(windows={}))
    _newest: Integrals | None = None
    _known: dict[Ends, Piece] = field(default_factory=dict)

    async def follow(self, snapshot: Snapshot, spec: FleetSpec) -> None:
        """Read the history again if the store may have a newer line."""
        if not self._is_due(snapshot.integrals):
            return
        rings = {window: await self.store.fleets.past(snapshot, window) for window in CHARTED}
        newest = next((line for line in rings[CHARTED[0]] if is_comparable(line, snapshot.integrals)), None)
        if newest is None or newest != self._newest:
            found, self._known = await in_worker(pieces, rings, snapshot.integrals, spec, self._known)
            self._newest, self.latest = newest, History(windows=found)

    def _is_due(self, now: Integrals) -> bool:
        if self._newest is None or not is_comparable(self._newest, now):
            return True
        age = now.time - self._newest.time
        return not 0 <= age < CHARTED[0] / LINES * MICROSECONDS
