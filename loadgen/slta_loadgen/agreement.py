"""Consistency check: the service's statistics against the load generator's record, without other clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from slta_loadgen.client import Client
from slta_loadgen.record import Mark, mean_sessions
from slta_loadgen.sessions import Sessions

# Tolerance for clock skew: each change is seen half a round trip apart, and so are the window's ends.
_MEAN_TOLERANCE = 0.001


@dataclass(frozen=True, slots=True)
class WindowStart:
    """Start of the compared window: the service's integrals and the record's at the same moment."""

    integrals: str
    mark: Mark


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Comparison: ⟨s⟩ by record and service, and the pools that differ: id → occupancy (record, service)."""

    window_seconds: float
    recorded_mean_sessions_per_pool: float
    served_mean_sessions_per_pool: float
    differing_pools: Mapping[str, tuple[int, int]]

    @property
    def relative_difference(self) -> float:
        larger = max(self.recorded_mean_sessions_per_pool, self.served_mean_sessions_per_pool)
        difference = abs(self.recorded_mean_sessions_per_pool - self.served_mean_sessions_per_pool)
        return difference / larger if larger else 0.0

    @property
    def holds(self) -> bool:
        """True if the means agree within 0.1 % and all occupancies exactly."""
        return self.relative_difference <= _MEAN_TOLERANCE and not self.differing_pools

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "relative_difference": self.relative_difference, "holds": self.holds}


async def begin_window(client: Client, sessions: Sessions) -> WindowStart:
    """Begin the window. Call it while the replay runs, usually after the warm-up."""
    state = await client.state()
    return WindowStart(state["integrals"], sessions.mark())


async def compare(client: Client, sessions: Sessions, start: WindowStart) -> Agreement:
    """Compare record and service. Requires no call in flight: after `run` with `Drain.KEEP`. O(pools), 1,000 a page."""
    averages = await client.averages(since=start.integrals)
    end = sessions.mark()
    mean_pools = averages["mean_pools"]
    return Agreement(
        window_seconds=averages["window_seconds"],
        recorded_mean_sessions_per_pool=mean_sessions(start.mark, end) / mean_pools if mean_pools else 0.0,
        served_mean_sessions_per_pool=averages["mean_sessions_per_pool"] or 0.0,
        differing_pools=differing_pools(sessions.record.occupancies(), await client.pools()),
    )


def differing_pools(recorded: Mapping[str, int], pools: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """Pools whose occupancies differ: id → (recorded, served)."""
    served = {pool["pool_id"]: pool["occupancy"] for pool in pools}
    return {
        pool_id: (recorded.get(pool_id, 0), served.get(pool_id, 0))
        for pool_id in sorted(recorded.keys() | served.keys())
        if recorded.get(pool_id, 0) != served.get(pool_id, 0)
    }
