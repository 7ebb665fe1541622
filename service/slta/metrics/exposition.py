"""The metrics exposition: a read-only snapshot of each fleet and the counters of this process, as text.

It is rendered in short steps, between which the event loop runs, and sent in chunks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import suppress
from itertools import chain
from time import perf_counter
from typing import NamedTuple

from slta import release
from slta.expected_gap.cache import ExpectedGapCache
from slta.fleet_file import Specs
from slta.metrics.definitions import FamilyFactory, FleetFamily
from slta.metrics.families import FLEET_ROWS
from slta.metrics.fleet_view import FleetView, view_of
from slta.metrics.process_metrics import ProcessMetrics
from slta.metrics.readings import Reading, Readings
from slta.metrics.text import PIECE_BYTES, FamilyText, Format, format_for, in_chunks, print_family
from slta.models import Snapshot, errors
from slta.store import Store

REPEATED = "Every replica repeats it: take the max, not the sum."
"""Appended to the help of fleet metrics."""
STEP_SECONDS = 0.002
"""Time slice after which a scrape yields to the event loop."""
MAX_CONCURRENT_READS = 4
"""Fleets whose snapshots are read concurrently."""


class Link(NamedTuple):
    """Source of the metrics of the store connection: availability, library digest, age of the fleet metrics."""

    is_up: bool
    library_digest: str
    age_seconds: float


RELEASE = release()
LINK = FamilyFactory[Link, Link]((), lambda link: [((), link)])
BUILD = FamilyFactory[Link, Link](("version", "digest"), lambda link: [((RELEASE, link.library_digest), link)])
LINK_ROWS: tuple[FleetFamily[Link], ...] = (
    LINK.gauge("store_up", "1 if the store is available to this process.", lambda link: link.is_up),
    LINK.gauge(
        "scrape_age_seconds",
        "Age of the fleet metrics in this exposition: time since their reading started.",
        lambda link: link.age_seconds,
    ),
    BUILD.gauge(
        "build_info", "Always 1; version of this process, and digest of its function library in the store.", lambda _: 1
    ),
)


class TimeSlice:
    """Time slices of long work, between which the event loop runs."""

    def __init__(self) -> None:
        self._start = perf_counter()

    async def next(self) -> None:
        """Yield to the event loop if the time slice is over."""
        if perf_counter() - self._start > STEP_SECONDS:
            await asyncio.sleep(0)
            self._start = perf_counter()


class Metrics(ProcessMetrics):
    """Metrics of one process; also the StoreObserver of its store."""

    def __init__(self) -> None:
        super().__init__()
        self._readings = Readings()

    async def render(
        self, store: Store, specs: Specs, accept: str, expected_gaps: ExpectedGapCache | None = None
    ) -> tuple[AsyncGenerator[bytes], dict[str, str]]:
        """Exposition in chunks, and its headers. If the store is unavailable, only the metrics of the process."""
        reading = await self._readings.newest(lambda: read_fleets(store, specs, expected_gaps or ExpectedGapCache()))
        text_format = format_for(accept)
        link = Link(reading.is_up, store.library_digest, asyncio.get_running_loop().time() - reading.began)
        before = [text for row in LINK_ROWS for text in print_family(row.read(link), text_format)]
        after = [*await self._own_texts(text_format), text_format.end]
        length = sum(map(len, [*before, *after])) + sum(family.length(text_format) for family in reading.families)
        texts = chain(before, (text for family in reading.families for text in family.text(text_format)), after)
        return _pieces(reading, texts), {"Content-Type": text_format.content_type, "Content-Length": str(length)}

    async def end(self) -> None:
        """Cancel a reading in progress; to be called before the store is closed."""
        await self._readings.end()

    async def _own_texts(self, text_format: Format) -> list[bytes]:
        """Text of the process metrics."""
        time_slice, texts = TimeSlice(), list[bytes]()
        for family in self.registry.collect():
            for text in print_family(family, text_format):
                texts.append(text)
                await time_slice.next()
        return texts


async def _pieces(reading: Reading, texts: Iterable[bytes]) -> AsyncGenerator[bytes]:
    """Join the texts into larger chunks, lazily."""
    time_slice, piece = TimeSlice(), bytearray()
    reading.senders += 1
    try:
        for text in texts:
            piece += text
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
            await time_slice.next()
        yield bytes(piece)
    finally:
        reading.senders -= 1


async def read_fleets(store: Store, specs: Specs, expected_gaps: ExpectedGapCache) -> Reading:
    """Read and render all fleets, by name; on an error of the store, those read before it."""
    families = [FamilyText(row, REPEATED) for row in FLEET_ROWS]
    reading, time_slice = Reading(asyncio.get_running_loop().time(), families), TimeSlice()
    try:
        for names in in_chunks(await store.fleets.names(), MAX_CONCURRENT_READS):
            for snapshot in filter(None, await asyncio.gather(*(_snapshot(store, name) for name in names))):
                with suppress(errors.DocumentUnreadableError):
                    spec = await specs.of_stored(snapshot.document)
                    await _print(view_of(snapshot, spec, expected_gaps.now(snapshot, spec)), families, time_slice)
    except errors.DispatchError:
        reading.is_up = False
    return reading


async def _snapshot(store: Store, fleet: str) -> Snapshot | None:
    """Read a snapshot, with one retry, as among many calls one may time out; None if the fleet cannot be read.

    Raises StoreUnavailableError.
    """
    try:
        return await _try_snapshot(store, fleet)
    except errors.StoreUnavailableError:
        return await _try_snapshot(store, fleet)


async def _try_snapshot(store: Store, fleet: str) -> Snapshot | None:
    try:
        return await store.fleets.snapshot(fleet)
    except (
        errors.UnknownFleetError,
        errors.NewerFleetError,
        errors.OlderLayoutError,
        errors.RepairingError,
        errors.DamagedError,
    ):
        return None  # deleted meanwhile, of another version, or damaged


async def _print(view: FleetView, families: Sequence[FamilyText[FleetView]], time_slice: TimeSlice) -> None:
    for family in families:
        for _ in family.add(view):
            await time_slice.next()
