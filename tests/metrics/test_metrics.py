"""Metrics: names that last, numbers that agree with the state, and a size that does not grow."""

from __future__ import annotations

import asyncio
import math
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text
from redis import Redis
from structlog.testing import capture_logs

from slta import release
from slta.core.policies import POLICIES
from slta.fleet_file import FleetFile, Specs, compile_spec
from slta.metrics import Metrics
from slta.metrics.exposition import REPEATED
from slta.metrics.families import FLEET_ROWS, view_of
from slta.models import AuditResult, PoolSpec
from slta.models.request_record import RequestRecord, Scrape
from slta.store import Store
from slta.views.averages import averages
from slta.views.state import observe_state
from testbed.in_process import tick
from testbed.servers import EMBEDDED, running_server
from tests.docs.pages import ROOT, Page
from tests.expositions import text_of
from tests.metrics.conftest import PATIENT, define

PAGE = Page(ROOT / "docs/metrics.md")
ALL = Scrape(levels=True)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with running_server(EMBEDDED) as url:
        yield url


@pytest.fixture
async def empty_store(server: str, metrics: Metrics) -> AsyncIterator[Store]:
    with Redis.from_url(server) as redis:
        redis.flushall()
    opened = await Store.open(PATIENT(server), metrics)
    yield opened
    await opened.close()


@pytest.fixture
async def store(empty_store: Store) -> Store:
    """With the fleet `f`."""
    await define(empty_store, "f", small_fleet())
    return empty_store


def small_fleet(**changes: Any) -> FleetFile:
    def one(name: str, resource: int, pools: int) -> dict[str, Any]:
        utility = {"kind": "log_share", "resource": resource}
        return {"name": name, "capacity": 5, "utility": utility, "pools": pools}

    return FleetFile.read({"classes": [one("small", 20, 2), one("large", 30, 2)]} | changes)


async def measured(store: Store, server: str) -> dict[str, list[float]]:
    """The fleet `q` with eight sessions, and the utilities of its classes, which samples confirm, but the one's half.

    So sessions belong on the other.
    """
    file = small_fleet(policy="jlmu", quality={"per": "pool", "unit": "frames/s"})
    await define(store, "q", file)
    for n in range(8):
        await store.sessions.assign("q", f"s{n}", None)
    utilities = {c.name: [c.utility.value(x) for x in range(c.capacity + 1)] for c in file.to_spec().classes}
    with Redis.from_url(server) as redis:
        for number, (name, unit) in enumerate({"small": 50, "large": 100}.items(), 1):
            for level in (1, 2, 3):
                mean = unit * utilities[name][level]
                redis.hset("{q}:quality", f"{number}:{level}", f"100 2 {100 * mean:.17g} {100 * mean**2:.17g}")
    return utilities


async def exposition(metrics: Metrics, store: Store, wanted: Scrape = ALL) -> str:
    return await text_of(await metrics.render(store, Specs(), wanted))


Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def series(text: str) -> Series:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_text(text)
        for sample in family.samples
    }


def value(found: Series, name: str, **labels: str) -> float:
    return found[f"slta_{name}", frozenset(labels.items())]


async def test_the_page_names_every_family(store: Store, metrics: Metrics, server: str) -> None:
    for session_id in "ab":
        await store.sessions.assign("f", session_id, None)
    await store.sessions.complete("f", "b")
    await tick(store, "f")
    await define(store, "o", small_fleet(policy="observe", session_types={"video": ["large"]}))
    await tick(store, "o")
    await store.sessions.report("o", "a", f"{(await store.fleets.snapshot('o')).classes[0].name}-1", None)
    await measured(store, server)
    metrics.error("timeout")
    result = AuditResult(at=1, total=0, by="host/1", first="")
    await store.rebuilds.store("f", "1:0", result)
    for fleet, seconds in {"wanted": 0, "withheld": 600}.items():
        costs = {name: {"cost": 1, "lead_seconds": 0} for name in ("small", "large")}
        scale = {"budget": 9, "hold_seconds": seconds, "classes": costs}
        await define(store, fleet, small_fleet(scale=scale))
        await tick(store, fleet)
    families = parse_text(await exposition(metrics, store))
    told = {(one.name, one.type) for one in families if not one.name.startswith("process_")}
    shown = re.findall(r"^\| `((?:slta|http)_\w+?)(?:_total)?` \| (\w*) +\|", PAGE.text, re.MULTILINE)
    assert {(name, kind or "gauge") for name, kind in shown} == told


async def test_a_scrape_encodes_no_integrals(store: Store, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slta.views.state.encode_integrals", None)
    assert "slta_aggregate_utility" in await exposition(metrics, store)


@pytest.mark.needs("promtool")
async def test_promtool_has_nothing_to_say(store: Store, metrics: Metrics) -> None:
    await store.sessions.assign("f", "a", None)
    await tick(store, "f")
    metrics.observe(answered("/v1/fleets/{fleet}/assign", 201, 0.001))
    metrics.error("timeout")
    text = await exposition(metrics, store)
    checked = await asyncio.create_subprocess_exec(
        "promtool", "check", "metrics", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await checked.communicate(text.encode())
    assert (checked.returncode, output.decode()) == (0, "")


async def test_the_numbers_are_those_of_the_state(store: Store, metrics: Metrics) -> None:
    for session_id in "abcdefg":
        await store.sessions.assign("f", session_id, None)
    await store.sessions.complete("f", "a")
    await store.sessions.complete("f", "b")
    await store.pools.set_status("f", "small-1", "draining")
    found = series(await exposition(metrics, store))
    snapshot = await store.fleets.snapshot("f")
    seen = observe_state(snapshot, await Specs().of(snapshot.document))
    assert value(found, "aggregate_utility", fleet="f") == pytest.approx(seen.utility)
    assert value(found, "aggregate_utility_bound", fleet="f") == pytest.approx(seen.utility_bound)
    assert value(found, "estimate_rank", fleet="f") == seen.estimate_rank
    assert value(found, "optimal_rank", fleet="f") == seen.optimal_rank
    assert value(found, "load_price", fleet="f", session_type="") == pytest.approx(seen.load_price)
    assert value(found, "sessions_ended_total", fleet="f", reason="completed") == 2
    assert value(found, "session_seconds_total", fleet="f") > 0
    placed = sum(v for (name, _), v in found.items() if name == "slta_assignments_total")
    assert placed == seen.counters["assigned"] == 7
    for observed in seen.classes:
        labels = {"fleet": "f", "pool_class": observed.name}
        assert value(found, "pools", **labels, pool_status="active") == observed.pools.active
        assert value(found, "sessions", **labels, pool_status="draining") == observed.sessions.draining
        assert value(found, "sessions", **labels, pool_status="active") == observed.sessions.active
        assert value(found, "class_threshold", **labels) == observed.threshold
        assert value(found, "session_capacity", **labels) == 5 * observed.pools.active
        assert observed.tokens
        assert value(found, "pool_tokens", **labels, color="green") == observed.tokens.green
        assert value(found, "pool_tokens", **labels, color="yellow") == observed.tokens.yellow
        for level in range(1, 6):
            column = [*observed.occupancy, 0, 0, 0, 0, 0, 0]
            fraction = column[level] / observed.pools.active
            assert value(found, "occupancy_ratio", **labels, level=str(level)) == fraction


async def test_the_rules_get_from_the_integrals_what_averages_has(store: Store) -> None:
    """The means per pool, and their gap, from differences of the integrals."""
    spec = compile_spec(small_fleet())
    older = await store.fleets.snapshot("f")
    for session_id in "abcdefg":
        await store.sessions.assign("f", session_id, None)
    newer = await store.fleets.snapshot("f")

    def grown(name: str) -> float:
        [row] = [row for row in FLEET_ROWS if row.name == name]
        ends = [sum(number for _, number in row.samples(view_of(one, spec))) for one in (older, newer)]
        return ends[1] - ends[0]

    seen = averages(newer.integrals, older.integrals, spec)
    assert seen
    assert grown("session_seconds") > 0
    assert grown("utility_seconds") / grown("pool_seconds") == pytest.approx(seen.utility_mean)
    assert grown("utility_bound_seconds") / grown("pool_seconds") == pytest.approx(seen.utility_optimum_mean)
    assert seen.utility_optimum_mean - seen.utility_mean == pytest.approx(seen.placement_gap)


async def test_no_window_is_shown_across_a_change_of_curves(store: Store, metrics: Metrics) -> None:
    await tick(store, "f")
    changed = small_fleet().model_dump()
    for pool_class in changed["classes"]:
        pool_class["capacity"] = 9
    await define(store, "f", FleetFile.read(changed))
    names = {name for name, _ in series(await exposition(metrics, store))}
    assert "slta_utility_bound" not in names
    assert "slta_aggregate_utility" in names


async def test_a_fleet_without_pools_has_no_series_that_would_be_wrong(empty_store: Store, metrics: Metrics) -> None:
    file = small_fleet()
    await empty_store.fleets.configure("f", compile_spec(file), file.document())
    found = series(await exposition(metrics, empty_store))
    names = {name for name, _ in found}
    assert value(found, "pools", fleet="f", pool_class="small", pool_status="active") == 0
    assert not names & {"slta_estimate_rank", "slta_optimal_rank", "slta_load_price", "slta_occupancy_ratio"}
    assert [key for key, number in found.items() if ("le", "+Inf") not in key[1] and not math.isfinite(number)] == []


async def test_policies_with_thresholds_have_tokens_and_others_have_none(empty_store: Store, metrics: Metrics) -> None:
    for policy in POLICIES:
        await define(empty_store, policy, small_fleet(policy=policy))
    found = series(await exposition(metrics, empty_store))
    with_tokens = {dict(labels)["fleet"] for name, labels in found if name == "slta_pool_tokens"}
    assert with_tokens == {policy.name for policy in POLICIES.values() if policy.has_thresholds}


async def test_the_number_of_series_grows_with_no_pool_and_no_session(empty_store: Store, metrics: Metrics) -> None:
    file = small_fleet()
    await define(empty_store, "f", file)
    few = series(await exposition(metrics, empty_store))
    await empty_store.pools.add("f", [PoolSpec(f"p-{k}", "small") for k in range(3000)])
    await asyncio.gather(*(empty_store.sessions.assign("f", f"s-{k}", None) for k in range(300)))
    many = series(await exposition(metrics, empty_store))
    # The histogram of store calls has one more function by now, and a place was compared.
    later = ("slta_store_duration", "slta_compared")
    ours = [{key for key in found if not key[0].startswith(later)} for found in (few, many)]
    assert ours[0] == ours[1]
    assert not [labels for _, labels in many if {"pool_id", "session_id", "pool"} & dict(labels).keys()]


async def test_a_large_capacity_is_shown_in_at_most_64_levels(empty_store: Store, metrics: Metrics) -> None:
    classes = [
        {"name": f"c{capacity}", "capacity": capacity, "utility": {"kind": "linear", "slope": 1}, "pools": 1}
        for capacity in (1, 64, 65, 4096)
    ]
    await define(empty_store, "f", FleetFile.read({"classes": classes}))
    levels: dict[str, list[int]] = {}
    for name, labels in series(await exposition(metrics, empty_store)):
        if name == "slta_occupancy_ratio":
            levels.setdefault(dict(labels)["pool_class"], []).append(int(dict(labels)["level"]))
    assert {name: len(found) for name, found in levels.items()} == {"c1": 1, "c64": 64, "c65": 32, "c4096": 64}
    assert max(levels["c4096"]) == 4096


def answered(route: str | None, status: int, seconds: float) -> RequestRecord:
    return RequestRecord("r-1", "POST", route, status, seconds, "f", "key-1")


async def test_requests_are_counted_as_opentelemetry_names_them(store: Store, metrics: Metrics) -> None:
    route, problems = "/v1/fleets/{fleet}/assign", {404: "unknown_fleet", 429: "no_capacity", 503: "overloaded"}
    for key, status in enumerate((201, 201, 404, 429, 503, 500, 0)):
        record = answered(route, status, 0.005)
        metrics.observe(record._replace(problem=problems.get(status, ""), key_id=f"key-{key}"))
    metrics.observe(answered(None, 404, 0.004)._replace(method="BREW"))
    found = series(await exposition(metrics, store))

    def seen(series: str, route: str, status: str, error: str = "", method: str = "POST", **labels: str) -> float:
        http = {"http_request_method": method, "http_route": route, "http_response_status_code": status}
        named = frozenset({**http, "error_type": error, **labels}.items())
        return found[f"http_server_request_duration_seconds_{series}", named]

    answers = {"201": "", "404": "", "429": "", "503": "overloaded", "500": "500", "": "left"}
    assert [seen("count", route, status, error) for status, error in answers.items()] == [2, 1, 1, 1, 1, 1]
    assert seen("count", "", "404", method="_OTHER") == 1
    assert [seen("bucket", route, "201", le=le) for le in ("0.003", "0.005")] == [0, 2]


async def test_requests_are_counted_by_key_and_status(store: Store, metrics: Metrics) -> None:
    for key_id, status in (("key-1", 201), ("key-1", 201), ("key-1", 429), ("unknown", 401), ("", 200), ("", 0)):
        metrics.observe(answered("/r", status, 0.004)._replace(key_id=key_id))
    found = series(await exposition(metrics, store))
    counted = {
        tuple(dict(labels)[label] for label in ("http_response_status_code", "key_id")): n
        for (name, labels), n in found.items()
        if "key_req" in name
    }
    assert counted == {
        ("201", "key-1"): 2, ("429", "key-1"): 1, ("401", "unknown"): 1, ("200", "none"): 1, ("", "none"): 1,
    }  # fmt: skip


async def test_what_every_replica_repeats_says_so(store: Store, metrics: Metrics) -> None:
    helps = {one.name: one.documentation for one in parse_text(await exposition(metrics, store))}
    repeated = {name for name, text in helps.items() if text.endswith(REPEATED)}
    assert {"slta_aggregate_utility", "slta_assignments"} < repeated
    assert not repeated & {
        "slta_store_up",
        "slta_build_info",
        "http_server_request_duration_seconds",
        "slta_key_requests",
    }


async def test_store_calls_batches_and_errors_are_counted(store: Store, metrics: Metrics) -> None:
    await asyncio.gather(*(store.sessions.assign("f", id_, None) for id_ in "abc"))
    metrics.error("timeout")
    found = series(await exposition(metrics, store))
    calls = value(found, "store_duration_seconds_count", function="batch")
    assert value(found, "batch_size_count", function="batch") == calls
    assert value(found, "batch_size_sum", function="batch") == 3
    assert value(found, "store_errors_total", error_type="timeout") == 1
    assert value(found, "store_up") == 1
    assert value(found, "build_info", version=release(), digest=store.library_digest) == 1


async def test_a_fleet_that_was_deleted_meanwhile_is_skipped(store: Store, metrics: Metrics, server: str) -> None:
    with Redis.from_url(server) as redis:
        redis.sadd("slta:fleets", "gone")
    found = series(await exposition(metrics, store))
    assert value(found, "store_up") == 1
    assert {dict(labels).get("fleet") for _, labels in found} == {"f", "none", None}


async def test_an_unreadable_document_is_skipped_and_logged_once(store: Store, metrics: Metrics, server: str) -> None:
    with Redis.from_url(server) as redis, capture_logs() as logged:
        redis.hset("{f}:document", "text", "{")
        for _ in range(2):
            found = series(await exposition(metrics, store))
    assert {dict(labels).get("fleet") for _, labels in found} == {"none", None}
    assert [(one["event"], one["fleet"]) for one in logged] == [("document_unreadable", "f")]
