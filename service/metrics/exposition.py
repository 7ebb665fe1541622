"""A scrape: one read-only snapshot of each fleet, and this process's own counters, as text."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from service.errors import DispatchError, NewerFleet, UnknownFleet
from service.fleet_file import Specs
from service.metrics.activity import PREFIX, ProcessMetrics
from service.metrics.families import Families
from service.requests import RequestRecord
from service.store.store import Store

OPENMETRICS = "application/openmetrics-text"


class Metrics:
    """The metrics of one process; also the observer that its store wants."""

    def __init__(self) -> None:
        self._process = ProcessMetrics()

    def observe(self, request: RequestRecord) -> None:
        """Count an answered request."""
        self._process.observe(request)

    def call(self, function: str, seconds: float, operations: int) -> None:
        """Count a call of the store."""
        self._process.call(function, seconds, operations)

    def error(self, kind: str) -> None:
        """Count a call of the store that failed."""
        self._process.error(kind)

    async def render(self, store: Store, specs: Specs, accept: str) -> tuple[bytes, str]:
        """The exposition and its content type. Without a store: what the process knows by itself."""
        families = Families()
        up = 1.0
        try:
            for fleet in await store.fleets():
                await _add_fleet(families, store, specs, fleet)
        except DispatchError:
            up = 0.0
        scrape = _Scrape([*_process_state(store, up), *families.all(), *self._process.registry.collect()])
        if OPENMETRICS in accept:
            body: bytes = openmetrics.generate_latest(scrape)  # type: ignore[no-untyped-call]
            return body, openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(scrape), CONTENT_TYPE_PLAIN_0_0_4


async def _add_fleet(families: Families, store: Store, specs: Specs, fleet: str) -> None:
    try:
        snapshot = await store.snapshot(fleet)
    except (UnknownFleet, NewerFleet):
        return  # deleted since its name was read, or not ours to read
    families.add(snapshot, await specs.of(snapshot.document))


def _process_state(store: Store, up: float) -> Iterator[Metric]:
    yield GaugeMetricFamily(f"{PREFIX}_store_up", "1 while the store answers this process.", value=up)
    library = GaugeMetricFamily(
        f"{PREFIX}_library_info", "Version of the store's function library.", labels=("digest",)
    )
    library.add_metric((store.library_digest,), 1)
    yield library


class _Scrape(Collector):
    """Families as prometheus_client wants them, without the creation times that no query needs."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
