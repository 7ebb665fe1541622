"""The benchmark of idle dispatchers counts their ticks and processor time."""

from __future__ import annotations

import pytest

from lab.benchmarks import ticks


@pytest.mark.slow
def test_idle_dispatchers_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "QUIET_SECONDS", 0.5)
    share = ticks.measure(ticks.ROOT, fleets=3, dispatchers=2, seconds=2)
    assert len(share.dispatchers) == 2
    assert share.calls > 0
    assert "calls per second and fleet" in str(share)
