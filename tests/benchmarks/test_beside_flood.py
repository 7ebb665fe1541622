"""The benchmark of calls beside a flood counts what is refused, and takes latencies of the others."""

from __future__ import annotations

import pytest

from lab.benchmarks import beside_flood, ticks


def test_refused_calls_have_no_latency() -> None:
    calls = [0.001, None, *[0.002] * 98, 0.5]
    assert beside_flood.described("x", calls) == "x: p50 2.0 p99 495.0 longest 500.0 ms, 1 refused"


@pytest.mark.slow
@pytest.mark.needs("wrk")
def test_calls_are_measured_before_and_beside_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "QUIET_SECONDS", 0.5)
    before, *during = beside_flood.measure(ticks.ROOT, fleets=3, dispatchers=2, seconds=2)
    assert "beside" not in before
    assert all(" 0 refused; beside" in line for line in during)
