"""The metrics exposition: a read-only snapshot of each fleet and the counters of this process, as text.

It is rendered in short steps, between which the event loop runs, and sent in chunks. Fleets are read once for scrapes
that come together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from time import perf_counter
from typing import Any, NamedTuple

import structlog

from slta import release
from slta.fleet_file import Specs
from slta.metrics.definitions import FamilyFactory, FleetFamily
from slta.metrics.families import FLEET_ROWS, LEVEL_ROWS, FleetView, view_of
from slta.metrics.process_metrics import ProcessMetrics
from slta.metrics.text import PIECE_BYTES, FamilyText, Format, format_for, in_chunks, print_family
from slta.models import Snapshot, errors
from slta.models.request_record import Scrape
from slta.scaling.advisor import read_advice
from slta.store import Store

MAX_WAIT_SECONDS = 1.5
"""How long a scrape waits for a reading before it returns the last complete one."""
OLD_SECONDS = 10.0
"""Age of the last complete reading above which a scrape waits twice as long: behind a proxy, few reach a process."""
MAX_OLDER = 3
"""Maximum older readings still being sent, each with the text of all fleets, for a new one to start."""
REPEATED = "Every replica repeats it: take the max, not the sum."
"""Appended to the help of fleet metrics."""
STEP_SECONDS = 0.002
"""Time slice after which a scrape yields to the event loop."""
MAX_CONCURRENT_READS = 4
"""Fleets whose snapshots are read concurrently."""

log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Reading:
    """Text of all fleets. `began` is in seconds of the event loop's clock; `is_up`: whether the store was available.

    `is_complete` if no shard was away, `fleets` are the listed names, `unreadable` those left out as their documents do
    not parse; `senders` counts the responses that are sent from it.
    """

    began: float
    families: Sequence[FamilyText[Any]]
    is_up: bool = True
    is_complete: bool = True
    fleets: Sequence[str] = ()
    unreadable: set[str] = field(default_factory=set)
    senders: int = 0

    @contextmanager
    def being_sent(self) -> Iterator[None]:
        """Count a response meanwhile."""
        self.senders += 1
        try:
            yield
        finally:
            self.senders -= 1


class Readings:
    """The last complete reading, and the one in progress."""

    def __init__(self, max_wait_seconds: float = MAX_WAIT_SECONDS) -> None:
        self._max_wait_seconds = max_wait_seconds
        self._last: Reading | None = None
        self._older: list[Reading] = []
        self._under_way: asyncio.Task[Reading] | None = None

    async def newest(self, read: Callable[[], Awaitable[Reading]]) -> Reading:
        """Return the reading in progress, or start one; after a timeout the last complete one.

        The first reading has no timeout; it is doubled if the last one is older than `OLD_SECONDS`. An exception of
        `read` is raised in all scrapes that wait for it. While `MAX_OLDER` older readings are still being sent to slow
        clients, no new one starts.
        """
        last = self._last
        if self._under_way is None:
            if last and len(self._being_sent()) >= MAX_OLDER:
                return last
            self._under_way = asyncio.create_task(self._complete(read))
        task = self._under_way
        done, _ = await asyncio.wait([task], timeout=self._timeout(last))
        return last if last and not done else task.result()

    def _timeout(self, last: Reading | None) -> float | None:
        if last is None:
            return None
        age = asyncio.get_running_loop().time() - last.began
        return self._max_wait_seconds * (2 if age > OLD_SECONDS else 1)

    def _being_sent(self) -> list[Reading]:
        self._older = [reading for reading in self._older if reading.senders]
        return self._older

    async def _complete(self, read: Callable[[], Awaitable[Reading]]) -> Reading:
        try:
            reading = await read()
        finally:
            self._under_way = None
        if self._last:
            self._older = [*self._being_sent(), self._last]
        self._last = reading
        return reading

    async def end(self) -> None:
        """Cancel the reading in progress."""
        if self._under_way:
            self._under_way.cancel()
            await asyncio.wait([self._under_way])


class Link(NamedTuple):
    """Source of the metrics of the store connection: availability and library digest.

    `age_seconds` is that of the fleet metrics that this process returned last, when it did; None if it never has.
    """

    is_up: bool
    library_digest: str
    age_seconds: float | None


RELEASE = release()
LINK = FamilyFactory[Link, Link]((), lambda link: [((), link)])
BUILD = FamilyFactory[Link, Link](("version", "digest"), lambda link: [((RELEASE, link.library_digest), link)])
FLEETS = FamilyFactory[int, int]((), lambda count: [((), count)])

LINK_ROWS: tuple[FleetFamily[Link], ...] = (
    LINK.gauge(
        "store_up",
        "1 if the store, or one master of a cluster, is available to this process.",
        lambda link: link.is_up,
    ),
    LINK.gauge(
        "scrape_age_seconds",
        "Age of the fleet metrics that this process returned last, since their reading started.",
        lambda link: link.age_seconds,
    ),
    BUILD.gauge(
        "build_info", "Always 1; version of this process, and digest of its function library in the store.", lambda _: 1
    ),
)
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


class Metrics(ProcessMetrics):
    """Metrics of one process; also the StoreObserver of its store."""

    def __init__(self) -> None:
        super().__init__()
        self._readings = {with_levels: Readings() for with_levels in (False, True)}
        self._age_seconds: float | None = None
        self._unreadable = set[str]()

    async def render(self, store: Store, specs: Specs, scrape: Scrape) -> tuple[AsyncGenerator[bytes], dict[str, str]]:
        """Exposition in chunks, and its headers. If the store is unavailable, only the metrics of the process."""
        text_format = format_for(scrape.accept)
        reading = await self._read(store, specs, scrape) if scrape.of != "process" else None
        before, after = list[bytes](), list[bytes]()
        if scrape.of != "fleets":
            answers = reading.is_up if reading else await _answers(store)
            link = Link(answers and not store.is_down, store.library_digest, self._age_seconds)
            before = await _texts(link, text_format)
            after = await self._own_texts(text_format)
        families = reading.families if reading else []
        after.append(text_format.end)
        length = sum(map(len, [*before, *after])) + sum(family.length(text_format) for family in families)
        texts = chain(before, (text for family in families for text in family.text(text_format)), after)
        return _pieces(reading, texts), {"Content-Type": text_format.content_type, "Content-Length": str(length)}

    async def end(self) -> None:
        """Cancel the readings in progress; to be called before the store is closed."""
        for readings in self._readings.values():
            await readings.end()

    async def _read(self, store: Store, specs: Specs, scrape: Scrape) -> Reading:
        rows = [row for row in FLEET_ROWS if scrape.levels or row not in LEVEL_ROWS]
        readings = self._readings[scrape.levels]
        reading = await readings.newest(lambda: read_fleets(store, specs, rows))
        self._age_seconds = asyncio.get_running_loop().time() - reading.began
        for fleet in reading.unreadable - self._unreadable:
            log.error("document_unreadable", fleet=fleet)
        self._unreadable = reading.unreadable
        return reading

    async def _own_texts(self, text_format: Format) -> list[bytes]:
        """Text of the process metrics."""
        time_slice, texts = TimeSlice(), list[bytes]()
        for family in self.registry.collect():
            for text in print_family(family, text_format):
                texts.append(text)
                await time_slice.next()
        return texts


async def _answers(store: Store) -> bool:
    """Whether the store answers."""
    try:
        await store.fleets.names()
    except errors.DispatchError:
        return False
    return True


async def _texts(link: Link, text_format: Format) -> list[bytes]:
    """Text of what this process knows of the store."""
    time_slice, families = TimeSlice(), [FamilyText(row) for row in LINK_ROWS]
    for _ in chain.from_iterable(family.add(link) for family in families):
        await time_slice.next()
    return [text for family in families for text in family.text(text_format)]


async def _pieces(reading: Reading | None, texts: Iterable[bytes]) -> AsyncGenerator[bytes]:
    """Join the texts into larger chunks, lazily."""
    time_slice, piece = TimeSlice(), bytearray()
    with reading.being_sent() if reading else nullcontext():
        for text in texts:
            piece += text
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
            await time_slice.next()
        yield bytes(piece)


async def read_fleets(store: Store, specs: Specs, rows: Sequence[FleetFamily[FleetView]]) -> Reading:
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
                in_thread = asyncio.to_thread(view_of, snapshot, spec) if snapshot.types or snapshot.quality else None
                view = await in_thread if in_thread else view_of(snapshot, spec)
                view = view._replace(scale=await read_advice(store, snapshot, spec))
                for _ in chain.from_iterable(family.add(view) for family in families):
                    await time_slice.next()
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
            return await store.fleets.snapshot(fleet)
        except (errors.UnknownFleetError, errors.NewerFleetError, errors.DamagedError):
            return None  # deleted meanwhile, of another version, or damaged
        except errors.StoreUnavailableError:
            if is_last and not store.has_shards:
                raise
    reading.is_complete = False
    return None
