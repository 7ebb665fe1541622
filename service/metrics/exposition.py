"""A scrape: one read-only snapshot of each fleet, and what this process itself has done, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from service import release
from service.errors import DispatchError, NewerFleet, OlderFleet, Repairing, UnknownFleet
from service.fleet_file import Specs
from service.metrics.activity import Activity
from service.metrics.families import FLEET_ROWS
from service.metrics.rows import Families, Kind, ReadRow
from service.metrics.seen import Seen, see
from service.prediction.predictions import Predictions
from service.store import Store

REPEATED = "Every replica repeats it: take the max, not the sum."
"""In the help of what is read from the store."""
OPENMETRICS = "application/openmetrics-text"


class Link(NamedTuple):
    """The process's link to its store: whether it answered this scrape, and the digest of the library it calls."""

    is_up: bool
    library_digest: str


RELEASE = release()
LINK: Kind[Link, Link] = Kind((), lambda link: [((), link)])
BUILD: Kind[Link, Link] = Kind(("version", "digest"), lambda link: [((RELEASE, link.library_digest), link)])
LINK_ROWS: tuple[ReadRow[Link], ...] = (
    LINK.gauge("store_up", "1 while the store answers this process.", lambda link: link.is_up),
    BUILD.gauge(
        "build_info", "1: the version of this process, and the digest of its library in the store.", lambda _: 1
    ),
)


class Metrics(Activity):
    """The metrics of one process; also the observer that its store wants."""

    async def render(
        self, store: Store, specs: Specs, accept: str, predictions: Predictions | None = None
    ) -> tuple[bytes, str]:
        """The exposition and its content type. Without a store: what the process knows by itself."""
        fleets, link = Families(FLEET_ROWS, REPEATED), Families(LINK_ROWS)
        is_up = True
        try:
            for fleet in await store.fleets.names():
                await _add_fleet(fleets, store, specs, predictions or Predictions(), fleet)
        except DispatchError:
            is_up = False
        link.add(Link(is_up, store.library_digest))
        scrape = _Scrape([*link.all(), *fleets.all(), *self.registry.collect()])
        if OPENMETRICS in accept:
            body: bytes = openmetrics.generate_latest(scrape)
            return body, openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(scrape), CONTENT_TYPE_PLAIN_0_0_4


async def _add_fleet(fleets: Families[Seen], store: Store, specs: Specs, predictions: Predictions, fleet: str) -> None:
    try:
        snapshot = await store.fleets.snapshot(fleet)
    except (UnknownFleet, NewerFleet, OlderFleet, Repairing):
        return  # deleted since its name was read, or not ours to read
    spec = await specs.of(snapshot.document)
    fleets.add(see(snapshot, spec, predictions.now(snapshot, spec)))


class _Scrape(Collector):
    """Families as prometheus_client wants them, without the creation times that no query needs."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
