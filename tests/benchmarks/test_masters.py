"""The benchmark of clusters measures who takes the processors."""

from __future__ import annotations

import pytest

from lab.benchmarks import masters


@pytest.mark.slow
@pytest.mark.needs("wrk")
def test_two_masters_take_operations() -> None:
    number, rate, _, *shares = masters.measure(2, 100, fleets=4, seconds=4).strip("| ").split(" | ")
    assert number == "2"
    assert int(rate.replace(",", "")) > 0
    assert [share for share in shares if float(share) <= 0] == []
