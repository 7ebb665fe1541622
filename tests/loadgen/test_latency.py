import random

import pytest

from slta_loadgen.latency import Latency, Percentiles
from tests.inventory import each

NOTHING = Percentiles(count=0, p50=None, p99=None, p999=None, max=None)


def test_percentiles_are_within_half_a_percent() -> None:
    rng = random.Random(1)
    latency = Latency()
    durations = [rng.lognormvariate(-5, 1) for _ in range(20_000)]
    for duration in durations:
        latency.record(duration, at_seconds=0.0)
    ordered = sorted(1000 * duration for duration in durations)
    overall = latency.overall()

    assert overall.count == 20_000
    # The value at rank q(n − 1), within the sketch's relative error of 0.5 %.
    assert overall.p50 == pytest.approx(ordered[9_999], rel=0.0051)
    assert overall.p99 == pytest.approx(ordered[19_799], rel=0.0051)
    assert overall.p999 == pytest.approx(ordered[19_979], rel=0.0051)
    assert overall.max == ordered[-1]


@each("duration", [0.1 + 0.0001 * k for k in range(100)])
def test_no_percentile_lies_beyond_the_maximum(duration: float) -> None:
    latency = Latency()
    latency.record(duration, at_seconds=0.0)
    overall = latency.overall()

    assert overall.max == duration * 1000
    assert overall.p50 == overall.p99 == overall.p999
    assert overall.p50 is not None
    assert 0.995 * overall.max <= overall.p50 <= overall.max


def test_nothing_recorded_has_no_percentiles() -> None:
    assert Latency().overall() == NOTHING
    assert Latency().recent(5.0) == NOTHING


def test_recent_percentiles_forget_what_is_ten_seconds_old() -> None:
    latency = Latency()
    latency.record(9.0, at_seconds=100.5)
    latency.record(1.0, at_seconds=105.5)

    assert latency.recent(106.0).max == 9000
    assert latency.recent(112.0).max == 1000
    assert latency.recent(120.0) == NOTHING
    assert latency.overall().max == 9000


def test_a_duration_of_zero_counts() -> None:
    latency = Latency()
    latency.record(0.0, at_seconds=0.0)

    assert latency.overall().count == 1
    assert latency.overall().max == 0
