"""Frames of the dashboard: read from the store, and converted from a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slta.api.http.bodies import in_worker
from slta.core.fleet import FleetSpec
from slta.dashboard.events import Damage, Estimate, Frame, show_policy
from slta.dashboard.history import FleetHistory
from slta.dashboard.pool_lists import AwayPools, agree, not_active, shows_single_pools, single_pools
from slta.fleet_file import Specs
from slta.models import AuditResult, Pool, Snapshot
from slta.store import Store
from slta.views.averages import least_connections_gap, observe_averages, over_window
from slta.views.next_placement import next_placement
from slta.views.state import enumeration, observe_state

WINDOW_SECONDS = 60
"""Window of the displayed gaps: instantaneous ones are too noisy."""
TRIES = 3


@dataclass
class Followed:
    """What is kept of one fleet from frame to frame."""

    history: FleetHistory
    away: AwayPools


@dataclass
class FrameReader:
    """Reader of frames."""

    store: Store
    specs: Specs

    def follow(self) -> Followed:
        """What to keep of a fleet."""
        return Followed(FleetHistory(self.store), AwayPools(self.store))

    async def read(self, fleet: str, followed: Followed) -> Frame:
        """Frame of a fleet now."""
        snapshot, pools = await self._snapshot_and_pools(fleet)
        spec = await self.specs.of_stored(snapshot.document)
        await followed.history.follow(snapshot, spec)
        away = await followed.away.follow(snapshot) if pools is None else not_active(pools)
        as_read = {
            "pools": pools,
            "away": away,
            "damage": damage(snapshot.audit),
            "store": self.store.readiness,
        }
        return await in_worker(frame, snapshot, spec, as_read)

    async def _snapshot_and_pools(self, fleet: str) -> tuple[Snapshot, list[Pool] | None]:
        """Snapshot and matching pools; after `TRIES` mismatches under constant change, pools of just after."""
        for _ in range(TRIES):
            snapshot = await self.store.fleets.snapshot(fleet)
            pools = await single_pools(self.store, fleet) if shows_single_pools(snapshot) else None
            if pools is None or agree(snapshot, pools):
                break
        return snapshot, pools


def damage(audit: AuditResult | None) -> Damage | None:
    """Findings of the fleet's last audit, None if there are none."""
    return Damage(findings=audit.total, first=audit.first) if audit and audit.total else None


def frame(snapshot: Snapshot, spec: FleetSpec, as_read: Mapping[str, Any]) -> Frame:
    """Frame of a snapshot; `as_read` are the fields that need no computation."""
    state = observe_state(snapshot, spec)
    return Frame(
        state=state,
        averages=over_window(snapshot, WINDOW_SECONDS, lambda older: observe_averages(snapshot, older, spec)),
        least_connections_gap=over_window(
            snapshot, WINDOW_SECONDS, lambda older: least_connections_gap(snapshot.integrals, older, spec)
        ),
        policy=show_policy(spec.policy),
        estimate=_estimate(snapshot, spec),
        next_placement=next_placement(snapshot, spec).sentence,
        next_by_type=[next_placement(snapshot, spec, one.name) for one in state.session_types],
        **as_read,
    )


def _estimate(snapshot: Snapshot, spec: FleetSpec) -> Estimate | None:
    if not snapshot.rank:
        return None
    found = enumeration(spec, [c.counts[0] for c in snapshot.classes]).coordinate(snapshot.rank)
    return Estimate(pool_class=snapshot.classes[found.pool_class].name, level=found.level)
