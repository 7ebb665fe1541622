"""Reading of all fleets for a scrape: a snapshot of each, and its families as text, in short steps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

from slta.expected_gap.cache import ExpectedGapCache
from slta.fleet_file import Specs
from slta.metrics.definitions import FamilyFactory, FleetFamily
from slta.metrics.fleet_view import FleetView, view_of
from slta.metrics.readings import Reading
from slta.metrics.text import FamilyText, in_chunks
from slta.models import Snapshot, errors
from slta.scaling.advisor import Advisor
from slta.store import Store

REPEATED = "Every replica repeats it: take the max, not the sum."
"""Appended to the help of fleet metrics."""
STEP_SECONDS = 0.002
"""Time slice after which a scrape yields to the event loop."""
MAX_CONCURRENT_READS = 4
"""Fleets whose snapshots are read concurrently."""


FLEETS = FamilyFactory[int, int]((), lambda count: [((), count)])
FLEETS_ROW = FLEETS.gauge("fleets", "Number of fleets; absent if not all could be read.", lambda count: count)


class TimeSlice:
    """Time slices of long work, between which the event loop runs."""

    def __init__(self) -> None:
        self._start = perf_counter()

    async def next(self) -> None:
        """Yield to the event loop if the time slice is over."""
        if perf_counter() - self._start > STEP_SECONDS:
            await asyncio.sleep(0)
            self._start = perf_counter()


async def read_fleets(
    rows: Sequence[FleetFamily[FleetView]],
    store: Store,
    specs: Specs,
    expected_gaps: ExpectedGapCache,
    advisor: Advisor,
) -> Reading:
    """Read and render all fleets, by name; on an error of the store, those read before it.

    Of a cluster all whose shard answers; only without the others is that an error.
    """
    count, families = FamilyText(FLEETS_ROW, REPEATED), [FamilyText(row, REPEATED) for row in rows]
    reading, time_slice = Reading(asyncio.get_running_loop().time(), [count, *families]), TimeSlice()
    try:
        reading.fleets = await store.fleets.names()
        reading.is_complete = store.fleets.are_all_known
        for names in in_chunks(reading.fleets, MAX_CONCURRENT_READS):
            read = await asyncio.gather(*(_snapshot(store, name, reading) for name in names))
            for snapshot in filter(None, read):
                try:
                    spec = await specs.of_stored(snapshot.document)
                except errors.DocumentUnreadableError:
                    reading.unreadable.add(snapshot.fleet)
                    continue
                expected_gaps.now(snapshot, spec, by_scrape=True)
                in_thread = asyncio.to_thread(view_of, snapshot, spec) if snapshot.types or snapshot.quality else None
                view = await in_thread if in_thread else view_of(snapshot, spec)
                scale = await advisor.advice(snapshot.fleet) if spec.scale else None
                await _print(view._replace(scale=scale), families, time_slice)
        for _ in count.add(len(reading.fleets)) if reading.is_complete else ():
            pass
    except errors.DispatchError:
        reading.is_up = False
    return reading


async def _snapshot(store: Store, fleet: str, reading: Reading) -> Snapshot | None:
    """Read a snapshot, with one retry, as among many calls one may time out; None if the fleet cannot be read.

    Then also if its shard is away, which makes the reading incomplete. Raises StoreUnavailableError.
    """
    for is_last in (False, True):
        if store.is_away(fleet):
            break
        try:
            return await _try_snapshot(store, fleet)
        except errors.StoreUnavailableError:
            if is_last and not store.has_shards:
                raise
    reading.is_complete = False
    return None


async def _try_snapshot(store: Store, fleet: str) -> Snapshot | None:
    try:
        return await store.fleets.snapshot(fleet)
    except (errors.UnknownFleetError, errors.NewerFleetError, errors.RepairingError, errors.DamagedError):
        return None  # deleted meanwhile, of another version, or damaged


async def _print(view: FleetView, families: Sequence[FamilyText[FleetView]], time_slice: TimeSlice) -> None:
    for family in families:
        for _ in family.add(view):
            await time_slice.next()
