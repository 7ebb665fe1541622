"""The long measurements: growth is found where there is some, and every call at the limits can be made."""

from __future__ import annotations

from lab.benchmarks.limits import Size
from lab.benchmarks.longest import measure, report
from lab.benchmarks.samples import Sample, as_table, growth
from tests.servers import EMBEDDED, own_server

SMALL = Size(pools=1200, capacities=(6, 7), sessions=3000, rounds=1)


def sample(at: int, **others: float) -> Sample:
    steady = dict.fromkeys(Sample._fields, 1.0) | {"seconds": 15.0 * at}
    return Sample(**(steady | others))  # type: ignore[arg-type]


def test_what_stays_the_same_has_not_grown() -> None:
    assert growth([sample(at) for at in range(40)]) == {}


def test_what_grows_slowly_all_the_time_is_found_and_noise_of_costs_is_not() -> None:
    leaking = [sample(at, store_mib=100 + at, dispatcher_us=15 + at % 3) for at in range(40)]
    assert set(growth(leaking)) == {"store_mib"}


def test_what_has_settled_by_the_half_has_not_grown() -> None:
    settling = [sample(at, dispatcher_mib=min(80, 60 + 2 * at)) for at in range(40)]
    assert growth(settling) == {}


def test_the_table_has_a_row_now_and_then_and_the_last_sample() -> None:
    lines = as_table([sample(at) for at in range(1, 25)]).splitlines()
    assert len(lines) == 2 + 12
    assert lines[-1].startswith("| 360.0 |")


def test_every_call_at_the_limits_is_measured() -> None:
    with own_server(EMBEDDED) as server, server.client() as redis:
        found = measure(redis, SMALL)
    assert all(ms >= 0 for times in found.values() for ms in times)
    assert len(report({"embedded": found}).splitlines()) == 2 + len(found)
    assert len(found["DELETE of a pool"]) == 1000
