"""The benchmark of a killed dispatcher sees each lease end, and none held."""

from __future__ import annotations

import pytest

from lab.benchmarks import ticks_killed
from lab.benchmarks.ticks import ROOT


@pytest.mark.slow
@pytest.mark.needs("wrk")
def test_leases_end_when_a_dispatcher_is_killed() -> None:
    late, held = ticks_killed.play(kill=True, killed_of=ROOT, seed=1)
    assert len(late) == len(ticks_killed.FLEETS)
    assert max(late) < float("inf")
    assert held == 0
