"""Scrapes of many fleets: what is printed, in which steps, and who shares a reading."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Iterator
from copy import deepcopy
from itertools import chain
from typing import Any

import pytest
from prometheus_client import Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from slta.api.app import build_api
from slta.auth.keys import Access
from slta.fleet_file import FleetFile, Specs
from slta.metrics import Metrics
from slta.metrics.definitions import FleetGauge, Sample
from slta.metrics.exposition import FLEETS_ROW, LINK_ROWS, MAX_OLDER, OLD_SECONDS, REPEATED, Link, Reading, Readings
from slta.metrics.families import FLEET_ROWS, view_of
from slta.metrics.text import PLAIN, SAMPLES_PER_STEP, FamilyText, print_family
from slta.models.errors import StoreUnavailableError
from slta.models.request_record import RequestRecord, Scrape
from slta.store import Store
from testbed.awaiting import eventually
from testbed.in_process import tick
from testbed.servers import Server
from tests.api.served import served
from tests.event_loop import measured_callbacks
from tests.expositions import scrape
from tests.metrics.conftest import CALLBACK_SECONDS, define

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
FLEETS = 60


async def create(store: Store, fleet: str, capacity: int = 20, classes: int = 2) -> None:
    """A fleet that has been ticked, and has a session."""
    utility = {"kind": "log_share", "resource": 20}
    of_classes = [{"name": f"c{k}", "capacity": capacity, "utility": utility, "pools": 1} for k in range(classes)]
    await define(store, fleet, FleetFile.read({"classes": of_classes}))
    await store.sessions.assign(fleet, "a", None)
    await tick(store, fleet)


async def create_many(store: Store) -> None:
    await asyncio.gather(*(create(store, f"fleet-{k}") for k in range(FLEETS)))


class Printed(Collector):
    """Families for prometheus_client to print."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


def filled(family: Any, samples: Iterable[Sample]) -> Metric:
    for labels, number in samples:
        family.add_metric(labels, number)
    return family  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("accept", "generate"), [("", generate_latest), (OPENMETRICS, openmetrics.generate_latest)], ids=["text", "open"]
)
async def test_each_format_is_byte_for_byte_what_prometheus_client_prints(
    store: Store, metrics: Metrics, monkeypatch: pytest.MonkeyPatch, accept: str, generate: Any
) -> None:
    await create(store, 'many "levels"', capacity=64, classes=6)  # a family of more samples than one step prints
    await create(store, "small\\")
    names = await store.fleets.names()
    snapshots = {name: await store.fleets.snapshot(name) for name in names}
    monkeypatch.setattr(store.fleets, "snapshot", lambda name: asyncio.sleep(0, snapshots[name]))
    for status in (201, 404, 0):
        metrics.observe(RequestRecord("r-1", "POST", "/v1/fleets/{fleet}/assign", status, 0.003, "f", 'key "1"'))
    own = list(metrics.registry.collect())
    monkeypatch.setattr(metrics.registry, "collect", lambda: deepcopy(own))
    text = await scrape(metrics, store, accept, levels=True)
    age_seconds = next(float(line.split()[1]) for line in text.splitlines() if line.startswith("slta_scrape_age"))
    link = Link(is_up=True, library_digest=store.library_digest, age_seconds=age_seconds)
    specs = [(snapshot, await Specs().of(snapshot.document)) for snapshot in snapshots.values()]
    views = [view_of(snapshot, spec) for snapshot, spec in specs]
    families: list[Metric] = [filled(row.family(), row.samples(link)) for row in LINK_ROWS]
    families.append(filled(FLEETS_ROW.family(REPEATED), FLEETS_ROW.samples(len(names))))
    for row in FLEET_ROWS:
        family = filled(row.family(REPEATED), chain(*(row.samples(view) for view in views)))
        families += [family] if family.samples else []
    assert text == generate(Printed([*families, *deepcopy(own)])).decode()


async def test_no_callback_of_a_scrape_of_many_fleets_holds_the_event_loop(store: Store, metrics: Metrics) -> None:
    """In one of three scrapes: in the others garbage may be collected."""
    await create_many(store)
    worst = []
    with measured_callbacks() as callbacks:
        for _ in range(3):
            callbacks.reset()
            text = await scrape(metrics, store)
            assert callbacks.total > CALLBACK_SECONDS / 2, "too little to tell"
            worst.append(callbacks.longest)
    assert min(worst) < CALLBACK_SECONDS
    assert text.count("slta_store_epoch_timestamp_seconds{") == FLEETS


def test_a_family_of_many_samples_is_printed_in_steps() -> None:
    family = FleetGauge[int]("n", "n", ("k",), lambda count: [((str(k),), k) for k in range(count)])
    assert len(list(FamilyText(family).add(2 * SAMPLES_PER_STEP + 1))) == 3


def test_so_is_a_family_of_the_process() -> None:
    family = GaugeMetricFamily("n", "n", labels=["k"])
    for k in range(2 * SAMPLES_PER_STEP + 1):
        family.add_metric([str(k)], k)
    assert len(list(print_family(family, PLAIN))) == 1 + 3, "the head, and three steps"


def snapshots_taken(metrics: Metrics) -> float:
    labels = {"function": "snapshot"}
    return metrics.registry.get_sample_value("slta_store_duration_seconds_count", labels) or 0


async def test_scrapes_that_come_together_share_one_reading(store: Store, metrics: Metrics) -> None:
    await create_many(store)
    texts = await asyncio.gather(*(scrape(metrics, store, accept) for accept in ("", OPENMETRICS, "", OPENMETRICS)))
    assert snapshots_taken(metrics) == FLEETS
    assert [text.count("slta_store_epoch_timestamp_seconds{") for text in texts] == [FLEETS] * 4


async def test_a_scrape_that_comes_later_reads_anew(store: Store, metrics: Metrics) -> None:
    await create(store, "f")
    assert 'slta_sessions_ended_total{fleet="f",reason="completed"} 0.0' in await scrape(metrics, store)
    await store.sessions.complete("f", "a")
    assert 'slta_sessions_ended_total{fleet="f",reason="completed"} 1.0' in await scrape(metrics, store)


def value(text: str, name: str) -> float:
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))


async def test_a_long_scrape_shows_the_last_complete_reading(store: Store, metrics: Metrics, server: Server) -> None:
    metrics._readings[False] = Readings(max_wait_seconds=0.01)
    await create(store, "f")
    await scrape(metrics, store)
    await store.sessions.complete("f", "a")
    server.freeze()
    ages = [value(await scrape(metrics, store), "slta_scrape_age_seconds") for _ in range(2)]
    stale = await scrape(metrics, store)
    metrics.error("timeout")
    assert 'slta_sessions_ended_total{fleet="f",reason="completed"} 0.0' in stale
    assert "slta_store_up 1.0" in stale
    assert 'slta_store_errors_total{error_type="timeout"} 1.0' in await scrape(metrics, store), "its own are of now"
    server.thaw()
    while 'slta_sessions_ended_total{fleet="f",reason="completed"} 1.0' not in (fresh := await scrape(metrics, store)):
        pass
    assert ages[0] < ages[1]
    assert value(fresh, "slta_scrape_age_seconds") >= 0


async def test_the_first_scrape_waits_for_a_complete_reading(store: Store, metrics: Metrics, server: Server) -> None:
    metrics._readings[False] = Readings(max_wait_seconds=0)
    await create_many(store)
    assert (await scrape(metrics, store)).count("slta_store_epoch_timestamp_seconds{") == FLEETS


async def test_a_timed_out_call_omits_no_fleet(store: Store, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    await create_many(store)
    failing = {"fleet-7"}
    snapshot = store.fleets.snapshot

    async def fail_once(fleet: str) -> Any:
        if fleet in failing:
            failing.remove(fleet)
            raise StoreUnavailableError
        return await snapshot(fleet)

    monkeypatch.setattr(store.fleets, "snapshot", fail_once)
    text = await scrape(metrics, store)
    assert (value(text, "slta_store_up"), text.count("slta_store_epoch_timestamp_seconds{")) == (1, FLEETS)


async def test_an_answer_that_breaks_off_lets_go_of_its_reading(store: Store, metrics: Metrics) -> None:
    await create_many(store)
    pieces, _ = await metrics.render(store, Specs(), Scrape())
    assert await anext(pieces)
    assert metrics._readings[False]._last.senders == 1
    await pieces.aclose()
    assert metrics._readings[False]._last.senders == 0


async def test_a_client_that_does_not_read_holds_a_reading_until_it_leaves(store: Store, metrics: Metrics) -> None:
    await create_many(store)
    app = build_api(
        store=store, access=Access.open(), render_metrics=lambda wanted: metrics.render(store, Specs(), wanted)
    )
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        async with served(app) as here:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", here.port))
            await loop.sock_sendall(client, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await loop.sock_recv(client, 12)) == b"HTTP/1.1 200"
            assert metrics._readings[False]._last.senders == 1
            client.close()
            await eventually(lambda: not metrics._readings[False]._last.senders)


async def test_the_pieces_are_small_and_not_tiny(store: Store, metrics: Metrics) -> None:
    await create_many(store)
    pieces, _ = await metrics.render(store, Specs(), Scrape(levels=True))
    sizes = [len(piece) async for piece in pieces]
    assert len(sizes) > 5
    assert [size for size in sizes[:-1] if not 65_536 <= size < 200_000] == []


class Fleets:
    """Readings without fleets; each waits for its turn."""

    def __init__(self) -> None:
        self.begun = 0
        self.turn = asyncio.Event()

    async def read(self) -> Reading:
        self.begun += 1
        await self.turn.wait()
        return Reading(began=float(self.begun), families=[])


async def test_while_slow_clients_hold_older_readings_no_new_one_begins() -> None:
    fleets, readings = Fleets(), Readings()
    fleets.turn.set()
    for _ in range(MAX_OLDER + 1):
        (await readings.newest(fleets.read)).senders += 1
    held = [await readings.newest(fleets.read) for _ in range(2)]
    assert fleets.begun == MAX_OLDER + 1
    assert held[0] is held[1]
    assert held[0].began == MAX_OLDER + 1
    readings._older[0].senders = 0
    assert (await readings.newest(fleets.read)).began == MAX_OLDER + 2


@pytest.mark.parametrize(("age", "seconds"), [(0, 1.5), (OLD_SECONDS - 1, 1.5), (OLD_SECONDS + 1, 3.0)])
async def test_an_old_reading_waits_twice_the_time(monkeypatch: pytest.MonkeyPatch, age: float, seconds: float) -> None:
    fleets, readings, waited = Fleets(), Readings(), list[float | None]()

    async def wait(_tasks: Any, timeout: float | None) -> tuple[set[Any], set[Any]]:  # noqa: ASYNC109 - asyncio's own
        waited.append(timeout)
        return set(), set()

    readings._last = last = Reading(began=asyncio.get_running_loop().time() - age, families=[])
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "wait", wait)
        assert await readings.newest(fleets.read) is last
    await readings.end()
    assert waited == [seconds]


async def test_an_error_of_a_reading_is_everybodys_and_the_next_scrape_reads_anew() -> None:
    async def fail() -> Reading:
        raise ZeroDivisionError

    fleets, readings = Fleets(), Readings()
    fleets.turn.set()
    failed = await asyncio.gather(*(readings.newest(fail) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in failed] == [ZeroDivisionError] * 2
    assert (await readings.newest(fleets.read)).began == 1


async def test_a_scrape_that_is_given_up_leaves_its_reading_to_others() -> None:
    fleets, readings = Fleets(), Readings()
    impatient = asyncio.create_task(readings.newest(fleets.read))
    patient = asyncio.create_task(readings.newest(fleets.read))
    await asyncio.sleep(0)
    impatient.cancel()
    fleets.turn.set()
    assert (await patient).began == fleets.begun == 1


async def test_the_end_of_the_process_ends_a_reading() -> None:
    fleets, readings = Fleets(), Readings()
    waiting = asyncio.create_task(readings.newest(fleets.read))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await readings.end()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await readings.end()
