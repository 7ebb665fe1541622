"""docs/sizing.md: what an installation needs follows from the units."""

from __future__ import annotations

import json
from math import ceil

import pytest

from tests.docs.pages import ROOT, Page, rows

PAGE = Page(ROOT / "docs/sizing.md")
UNITS = {unit: float(figure) for unit, figure, _ in rows(PAGE.section("Units"))}
NEEDS = dict(rows(PAGE.section("A million pools and 100,000 assigns a second")))
OPERATIONS, POOLS, SESSIONS, SHARE = 200_000, 1_000_000, 10_000_000, 0.7
APPENDED = "append-only file, bytes per operation"
SENT = "network of the store, bytes per operation, in and out together"
LARGE, LARGE_ALONE = "the same with 65,536 pools", "the same with 65,536 pools, alone in a call"


@pytest.mark.parametrize(
    ("what", "unit"),
    [
        ("dispatchers, single calls of one fleet each", "dispatcher, µs per single call, one fleet"),
        ("dispatchers, single calls of 16 fleets each", "dispatcher, µs per single call, 16 fleets"),
        ("dispatchers, single calls of 64 fleets each", "dispatcher, µs per single call, 64 fleets"),
        ("dispatchers, bulk", "dispatcher, µs per operation in bulk"),
        ("HAProxy, single calls", "HAProxy, µs per request"),
        ("stores, bulk", LARGE),
        ("stores, single calls", LARGE_ALONE),
    ],
)
def test_processors_follow_from_the_time_of_an_operation(what: str, unit: str) -> None:
    processors = OPERATIONS * UNITS[unit] / 1e6
    assert f"{OPERATIONS:,} · {UNITS[unit]:g} µs: {processors:.1f} processors" in NEEDS[what]
    assert f"so {ceil(round(processors / SHARE, 9))} " in NEEDS[what]


def test_memory_disk_and_network_follow_from_the_bytes() -> None:
    first, further = UNITS["memory, bytes for a pool's first session"], UNITS["memory, bytes for each further one"]
    ended = [OPERATIONS / 2 * seconds * UNITS["memory, bytes per ended id"] / 1e9 for seconds in (600, 1200, 60, 120)]
    expected = {
        "memory: pools": f"{POOLS * UNITS['memory, bytes per pool'] / 1e9:.2f} GB",
        "memory: sessions": f"{(POOLS * first + (SESSIONS - POOLS) * further) / 1e9:.2f} GB",
        "memory: ended ids": "{:.1f} to {:.1f} GB with `retention_seconds: 600`, {:.1f} to {:.1f} GB with 60".format(
            *ended
        ),
        "append-only files": f"{OPERATIONS * UNITS[APPENDED] / 1e6:.0f} MB/s",
        "network of the stores": f"{OPERATIONS * UNITS[SENT] / 1e6:.0f} MB/s",
    }
    assert [what for what, needs in expected.items() if not NEEDS[what].startswith(needs)] == []


@pytest.mark.parametrize(
    ("large", "small", "growth"),
    [
        (LARGE, "store, µs per operation in calls of 100 operations", 1.65),
        (LARGE_ALONE, "store, µs per operation alone in a call", 1.45),
    ],
)
def test_a_larger_fleet_costs_the_store_what_its_growth_says(large: str, small: str, growth: float) -> None:
    assert UNITS[large] == pytest.approx(growth * UNITS[small], abs=0.5)


def test_what_one_store_carries_for_a_fleet_is_its_share_of_a_thread() -> None:
    of_store = [name for name in UNITS if name.startswith("store, µs per operation in")]
    bulk, *single = (int(SHARE * 1e6 / UNITS[name]) for name in of_store)
    carried = [cells[1] for cells in rows(PAGE.section("One big fleet"))]
    assert carried == [f"{bulk:,}", " to ".join(f"{number:,}" for number in sorted(single))]


def test_the_masters_of_twelve_are_at_the_share_that_the_page_says() -> None:
    assert f"with 12 each is at {OPERATIONS * UNITS[LARGE] / 1e6 / 12:.0%}".replace("%", " %") in NEEDS["stores, bulk"]


def test_the_cost_of_durability_is_that_of_the_kept_benchmark() -> None:
    tables = json.loads((ROOT / "lab/benchmarks/results.json").read_text(encoding="utf-8"))["tables"]
    (kept,) = (table["rows"] for table in tables if table["name"].startswith("modes of durability"))
    assert [cells[1:] for cells in rows(PAGE.section("What one dispatcher does"))] == [cells[1:] for cells in kept]
