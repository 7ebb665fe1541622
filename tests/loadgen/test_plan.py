import math
from itertools import takewhile
from typing import Any

import pytest

from slta_loadgen.holding import Deterministic, Exponential
from slta_loadgen.plan import InvalidPlanError, Plan
from tests.loadgen.statistics import sigmas

TEN = Exponential(10.0)


def test_a_load_on_n_pools_is_the_rate_that_keeps_so_many_sessions() -> None:
    # 100 pools at 9.75 sessions of 10 s each take 97.5 arrivals a second (Little).
    assert Plan(holding=TEN, load_per_pool=9.75).rate_profile(active_pools=100).mean_rate == pytest.approx(97.5)


def test_a_rate_needs_no_pools() -> None:
    assert Plan(holding=TEN, rate=3.0).rate_profile(active_pools=0).mean_rate == pytest.approx(3.0)


def test_a_load_needs_some() -> None:
    with pytest.raises(InvalidPlanError, match="no"):
        Plan(holding=TEN, load_per_pool=3.0).rate_profile(active_pools=0)


def test_a_profile_alone_is_in_sessions_per_pool() -> None:
    rates = Plan(holding=TEN, profile="5@30,5..12@20").rate_profile(active_pools=4)

    assert [rates.rate_at(t) for t in (0, 30, 50)] == pytest.approx([2.0, 2.0, 4.8])


def test_a_profile_multiplies_the_load_or_the_rate() -> None:
    by_load = Plan(holding=TEN, profile="0.5@1,1@1", load_per_pool=10.0).rate_profile(active_pools=4)
    by_rate = Plan(holding=TEN, profile="0.5@1,1@1", rate=10.0).rate_profile(active_pools=4)

    assert [by_load.rate_at(t) for t in (0, 1)] == pytest.approx([2.0, 4.0])
    assert [by_rate.rate_at(t) for t in (0, 1)] == pytest.approx([5.0, 10.0])


def test_a_day_averages_to_the_load_and_fits_the_duration() -> None:
    rates = Plan(holding=TEN, profile="day", load_per_pool=9.75, duration_seconds=240.0).rate_profile(active_pools=100)

    assert rates.mean_rate == pytest.approx(97.5)
    assert rates.duration_seconds == pytest.approx(240)


@pytest.mark.parametrize(
    ("options", "total_seconds"),
    [
        ({"load_per_pool": 1.0}, 60),
        ({"load_per_pool": 1.0, "duration_seconds": 5.0}, 5),
        ({"load_per_pool": 1.0, "duration_seconds": 5.0, "warm_up_seconds": 2.0}, 7),
        ({"profile": "5@30,6@12"}, 42),
        ({"profile": "5@30,6@12", "duration_seconds": 100.0}, 100),
        ({"profile": "day", "load_per_pool": 1.0}, 86_400),
        ({"load_per_pool": 1.0, "endless": True}, math.inf),
    ],
)
def test_arrivals_end_after_the_duration_or_the_profile(options: dict[str, Any], total_seconds: float) -> None:
    assert Plan(holding=TEN, **options).total_seconds == pytest.approx(total_seconds)


@pytest.mark.parametrize(
    "options", [{"load_per_pool": 1.0, "rate": 1.0}, {"load_per_pool": 1.0, "endless": True, "duration_seconds": 5.0}]
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidPlanError):
        Plan(holding=TEN, **options)


def test_a_workload_has_the_arrivals_and_the_holding_times_of_the_plan() -> None:
    plan = Plan(holding=Deterministic(4.0), load_per_pool=2.0, warm_up_seconds=100.0, seed=3)
    sessions = list(takewhile(lambda s: s.start_seconds < 400, plan.workload(active_pools=50)))

    # 50 pools · 2 sessions / 4 s = 25 a second for 400 s; Poisson.
    assert sigmas(len(sessions), 10_000, math.sqrt(10_000)) < 4
    assert {s.duration_seconds for s in sessions} == {4.0}
    assert sessions == list(takewhile(lambda s: s.start_seconds < 400, plan.workload(active_pools=50)))
