from itertools import islice

from loadgen.arrivals import poisson
from loadgen.holding import Deterministic, Exponential
from loadgen.workload import random_stream, workload


def planned(holding, seed=1):
    arrivals = poisson(2.0, random_stream(seed, "arrivals"))
    return list(islice(workload(arrivals, holding, random_stream(seed, "holding")), 50))


def test_the_same_seed_gives_the_same_sessions():
    assert planned(Exponential(5.0)) == planned(Exponential(5.0))
    assert planned(Exponential(5.0)) != planned(Exponential(5.0), seed=2)


def test_other_holding_times_leave_the_arrivals_as_they_were():
    exponential, deterministic = planned(Exponential(5.0)), planned(Deterministic(5.0))

    assert [s.start_seconds for s in exponential] == [s.start_seconds for s in deterministic]


def test_streams_of_different_purposes_differ():
    assert random_stream(1, "arrivals").random() != random_stream(1, "holding").random()
