import math
import random
from itertools import islice, pairwise

import pytest

from slta_loadgen.holding import Deterministic, Exponential, Holding
from slta_loadgen.profile import parse_profile
from slta_loadgen.workload import PlannedSession, after_warm_up, poisson, profiled, random_stream, until, workload
from tests.loadgen.statistics import kolmogorov_distance, kolmogorov_limit, sigmas


def planned(holding: Holding, seed: int = 1) -> list[PlannedSession]:
    arrivals = poisson(2.0, random_stream(seed, "arrivals"))
    return list(islice(workload(arrivals, holding, random_stream(seed, "holding")), 50))


def test_the_same_seed_gives_the_same_sessions() -> None:
    assert planned(Exponential(5.0)) == planned(Exponential(5.0))
    assert planned(Exponential(5.0)) != planned(Exponential(5.0), seed=2)


def test_other_holding_times_leave_the_arrivals_as_they_were() -> None:
    exponential, deterministic = planned(Exponential(5.0)), planned(Deterministic(5.0))

    assert [s.start_seconds for s in exponential] == [s.start_seconds for s in deterministic]


def test_streams_of_different_purposes_differ() -> None:
    assert random_stream(1, "arrivals").random() != random_stream(1, "holding").random()


def test_gaps_of_a_poisson_process_are_exponential() -> None:
    arrivals = list(islice(poisson(4.0, random.Random(1)), 20_000))
    gaps = [b - a for a, b in pairwise([0.0, *arrivals])]

    assert kolmogorov_distance(gaps, lambda t: 1 - math.exp(-4 * t)) < kolmogorov_limit(len(gaps))


def test_counts_of_a_poisson_process_vary_as_much_as_their_mean() -> None:
    arrivals = list(until(4_000.0, poisson(5.0, random.Random(2))))
    counts = [0] * 4_000
    for moment in arrivals:
        counts[int(moment)] += 1
    variance = sum((count - 5) ** 2 for count in counts) / len(counts)

    # The count over 4,000 s has standard deviation √20,000; the sample variance has √((2·25 + 5) / 4,000).
    assert sigmas(len(arrivals), 20_000, math.sqrt(20_000)) < 4
    assert sigmas(variance, 5, math.sqrt(55 / 4_000)) < 4


@pytest.mark.parametrize("rate", [0.0, -1.0, math.inf, math.nan])
def test_a_rate_without_a_meaning_is_refused_at_once(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        poisson(rate, random.Random(1))


def test_each_part_of_a_profile_gets_the_arrivals_it_should() -> None:
    arrivals = list(profiled(parse_profile("50@20,50..150@20,0@20,10@20"), random.Random(3)))
    counts = [sum(start <= moment < start + 20 for moment in arrivals) for start in (0, 20, 40, 60)]

    # Expected: 50·20, 100·20, 0 and 10·20; Poisson, so the variance is the mean.
    assert counts[2] == 0
    for observed, expected in zip(counts, (1_000, 2_000, 0, 200), strict=True):
        assert observed == expected or sigmas(observed, expected, math.sqrt(expected)) < 4
    assert arrivals == sorted(arrivals)


def test_within_a_ramp_arrivals_are_denser_where_the_rate_is_higher() -> None:
    arrivals = list(profiled(parse_profile("0..200@100"), random.Random(4)))

    # Given their number, the arrivals of 0..r@T are independent with P(moment ≤ t) = (t/T)².
    assert kolmogorov_distance(arrivals, lambda t: (t / 100) ** 2) < kolmogorov_limit(len(arrivals))


def test_a_cyclic_profile_begins_again_where_it_ended() -> None:
    arrivals = list(until(200.0, profiled(parse_profile("100@1,0@1"), random.Random(5), cyclic=True)))

    assert [moment for moment in arrivals if not moment % 2 < 1] == []
    assert sigmas(len(arrivals), 10_000, math.sqrt(10_000)) < 4


def test_the_same_seed_gives_the_same_arrivals() -> None:
    profile = parse_profile("5..12@20")

    assert list(profiled(profile, random.Random(6))) == list(profiled(profile, random.Random(6)))
    assert list(profiled(profile, random.Random(6))) != list(profiled(profile, random.Random(7)))


def test_a_warm_up_runs_at_the_first_rate_and_then_the_profile_begins() -> None:
    arrivals = list(until(130.0, after_warm_up(100.0, parse_profile("20@10,0@10"), random.Random(8), cyclic=True)))
    warm_up = sum(moment < 100 for moment in arrivals)

    assert sigmas(warm_up, 2_000, math.sqrt(2_000)) < 4
    assert [moment for moment in arrivals if 110 <= moment < 120] == []
    assert [moment for moment in arrivals if 100 <= moment < 110]
    assert [moment for moment in arrivals if 120 <= moment < 130]


def test_a_profile_that_begins_at_zero_has_an_empty_warm_up() -> None:
    arrivals = list(after_warm_up(50.0, parse_profile("0..10@10"), random.Random(9)))

    assert min(arrivals) >= 50
