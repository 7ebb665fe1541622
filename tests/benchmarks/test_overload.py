from pathlib import Path

import pytest

from lab.benchmarks.client import begin
from lab.benchmarks.load import Load
from lab.benchmarks.overload import CASES, Case, Outcome, measure, medians
from lab.benchmarks.running import running
from lab.benchmarks.sides import SIDES


def outcome(case: str, round_: int, rate: float) -> Outcome:
    figures = {"unsent_per_second": 0.0, "p50_ms": 1.0, "p99_ms": 2.0, "most_ms": 3.0, "grown_mib": 0.0}
    return Outcome(
        case=case, round=round_, good_per_second=rate, refused_per_second=0.0, share=1.0, calm_seconds=0.1, **figures
    )


def test_each_case_has_the_median_of_its_rounds() -> None:
    runs = [outcome(case.name, round_, rate) for case in CASES for round_, rate in ((1, 100.0), (2, 900.0), (3, 200.0))]

    rows = medians(runs)

    assert [row[:20].strip() for row in rows] == [case.name for case in CASES]
    assert all(row[20:].split()[0] == "200" for row in rows)


def test_every_case_is_compared_with_one_that_was_measured_before_it() -> None:
    names = [case.name for case in CASES]
    assert all(names.index(case.compared) <= names.index(case.name) for case in CASES)


@pytest.mark.slow
@pytest.mark.needs("h2load")
def test_a_rate_beyond_what_was_reached_before_shows_what_was_not_sent(tmp_path: Path) -> None:
    """Four connections cannot send 1.5 times 100,000 calls per second: the rest is unsent, and nothing is refused."""
    case = Case("open", 4, "peak", times=1.5)
    with running("ours", 1, needs_key=False) as dispatcher:
        base = begin(SIDES["pairs"], dispatcher, Load(pools=4), "short")
        found = measure(case, dispatcher, base, tmp_path, 1.0, {"peak": 100_000.0}, 1)

    assert found.good_per_second > 0
    assert found.refused_per_second == 0
    assert found.good_per_second + found.unsent_per_second == pytest.approx(150_000)
    assert found.share == pytest.approx(found.good_per_second / 100_000)
