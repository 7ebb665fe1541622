"""docs/scaling.md: what an installation needs follows from the units."""

from __future__ import annotations

from math import ceil

import pytest

from tests.docs.pages import ROOT, Page, rows

PAGE = Page(ROOT / "docs/scaling.md")
UNITS = {unit: float(figure) for unit, figure, _ in rows(PAGE.section("Units"))}
NEEDS = dict(rows(PAGE.section("A million pools and 100,000 assigns a second")))
OPERATIONS, POOLS, SESSIONS, SHARE = 200_000, 1_000_000, 10_000_000, 0.7
APPENDED, SENT = "append-only file, bytes per operation", "network of the store, bytes per operation in and out"


@pytest.mark.parametrize(
    ("what", "unit"),
    [
        ("dispatchers, single calls", "dispatcher, µs per single call"),
        ("dispatchers, bulk", "dispatcher, µs per operation in bulk"),
        ("HAProxy, single calls", "HAProxy, µs per request"),
        ("stores", "the same with 65,536 pools"),
    ],
)
def test_processors_follow_from_the_time_of_an_operation(what: str, unit: str) -> None:
    processors = OPERATIONS * UNITS[unit] / 1e6
    assert f"{OPERATIONS:,} · {UNITS[unit]:.0f} µs: {processors:.1f} processors" in NEEDS[what]
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


def test_a_larger_fleet_costs_the_store_what_its_growth_says() -> None:
    assert round(1.45 * UNITS["store, µs per operation in full calls"]) == UNITS["the same with 65,536 pools"]
