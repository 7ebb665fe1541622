"""A scrape: a read-only snapshot of each fleet, and what this process itself has done, as text.

It is made in short steps, between which the event loop runs, and sent in pieces.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from itertools import chain
from time import perf_counter
from typing import NamedTuple

from service import release
from service.core.fleet import FleetSpec
from service.errors import (
    Damaged,
    DispatchError,
    DocumentUnreadable,
    NewerFleet,
    OlderFleet,
    Repairing,
    StoreUnavailable,
    UnknownFleet,
)
from service.fleet_file import Specs
from service.metrics.activity import Activity
from service.metrics.families import FLEET_ROWS
from service.metrics.readings import Reading, Readings
from service.metrics.rows import Kind, ReadRow
from service.metrics.seen import Seen, see
from service.metrics.text import PIECE_BYTES, FamilyText, Format, format_for, in_steps, print_family
from service.prediction.predictions import Predictions
from service.store import Store
from service.values import Snapshot

REPEATED = "Every replica repeats it: take the max, not the sum."
"""In the help of what is read from the store."""
STEP_SECONDS = 0.002
"""Time after which a scrape lets the event loop run."""
READ_TOGETHER = 4
"""Fleets whose snapshots are asked for at once."""


class Link(NamedTuple):
    """The process's link to its store: whether it answered, the digest of the library, the age of what it answered."""

    is_up: bool
    library_digest: str
    age_seconds: float


RELEASE = release()
LINK: Kind[Link, Link] = Kind((), lambda link: [((), link)])
BUILD: Kind[Link, Link] = Kind(("version", "digest"), lambda link: [((RELEASE, link.library_digest), link)])
LINK_ROWS: tuple[ReadRow[Link], ...] = (
    LINK.gauge("store_up", "1 while the store answers this process.", lambda link: link.is_up),
    LINK.gauge(
        "scrape_age_seconds",
        "Time since the fleets of this answer began to be read.",
        lambda link: link.age_seconds,
    ),
    BUILD.gauge(
        "build_info", "1: the version of this process, and the digest of its library in the store.", lambda _: 1
    ),
)


class Turns:
    """Interrupts long work, so that the event loop runs between its steps."""

    def __init__(self) -> None:
        self._began = perf_counter()

    async def next(self) -> None:
        """Let the event loop run, if it has waited long enough."""
        if perf_counter() - self._began > STEP_SECONDS:
            await asyncio.sleep(0)
            self._began = perf_counter()


class Metrics(Activity):
    """The metrics of one process; also the observer that its store wants."""

    def __init__(self) -> None:
        """Nothing was done yet."""
        super().__init__()
        self._readings = Readings()

    async def render(
        self, store: Store, specs: Specs, accept: str, predictions: Predictions | None = None
    ) -> tuple[AsyncGenerator[bytes], dict[str, str]]:
        """The exposition in pieces, and its headers. Without a store: what the process knows by itself."""
        reading = await self._readings.newest(lambda: read_fleets(store, specs, predictions or Predictions()))
        form = format_for(accept)
        link = Link(reading.is_up, store.library_digest, asyncio.get_running_loop().time() - reading.began)
        before = [text for row in LINK_ROWS for text in print_family(row.read(link), form)]
        after = [*await self._own_texts(form), form.end]
        length = sum(map(len, [*before, *after])) + sum(family.length(form) for family in reading.families)
        texts = chain(before, (text for family in reading.families for text in family.text(form)), after)
        return _pieces(reading, texts), {"Content-Type": form.content_type, "Content-Length": str(length)}

    async def end(self) -> None:
        """Give up the reading under way; call it before its store is closed."""
        await self._readings.end()

    async def _own_texts(self, form: Format) -> list[bytes]:
        """What the process has counted itself."""
        turns, texts = Turns(), list[bytes]()
        for family in self.registry.collect():
            for text in print_family(family, form):
                texts.append(text)
                await turns.next()
        return texts


async def _pieces(reading: Reading, texts: Iterable[bytes]) -> AsyncGenerator[bytes]:
    """The texts in larger pieces; each is taken from the reading when it is asked for."""
    turns, piece = Turns(), bytearray()
    reading.senders += 1
    try:
        for text in texts:
            piece += text
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
            await turns.next()
        yield bytes(piece)
    finally:
        reading.senders -= 1


async def read_fleets(store: Store, specs: Specs, predictions: Predictions) -> Reading:
    """Read and print all fleets, by name; where the store gives no answer, those before."""
    families = [FamilyText(row, REPEATED) for row in FLEET_ROWS]
    reading, turns = Reading(asyncio.get_running_loop().time(), families), Turns()
    try:
        for names in in_steps(await store.fleets.names(), READ_TOGETHER):
            for snapshot in await asyncio.gather(*(_snapshot(store, name) for name in names)):
                spec = await _spec(specs, snapshot)
                if snapshot and spec:
                    await _print(see(snapshot, spec, predictions.now(snapshot, spec)), families, turns)
    except DispatchError:
        reading.is_up = False
    return reading


async def _snapshot(store: Store, fleet: str) -> Snapshot | None:
    """Asks again once: in so many calls one may time out. None where there is nothing to read. StoreUnavailable."""
    try:
        return await _try_snapshot(store, fleet)
    except StoreUnavailable:
        return await _try_snapshot(store, fleet)


async def _try_snapshot(store: Store, fleet: str) -> Snapshot | None:
    try:
        return await store.fleets.snapshot(fleet)
    except (UnknownFleet, NewerFleet, OlderFleet, Repairing, Damaged):
        return None  # deleted since its name was read, or not ours to read, or nobody can


async def _spec(specs: Specs, snapshot: Snapshot | None) -> FleetSpec | None:
    """None where the document cannot be read."""
    try:
        return await specs.of_stored(snapshot.document) if snapshot else None
    except DocumentUnreadable:
        return None


async def _print(seen: Seen, families: Sequence[FamilyText[Seen]], turns: Turns) -> None:
    for family in families:
        for _ in family.add(seen):
            await turns.next()
