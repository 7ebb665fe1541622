import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.benchmarks.bench_tables import Run, medians_table, ratios, ratios_table
from lab.benchmarks.client import combined, read_wrk
from lab.benchmarks.http import start
from lab.benchmarks.load import Load, fleet_document
from lab.benchmarks.processor import Spent, seconds_of, with_processor_time
from lab.benchmarks.sides import SIDES
from slta.fleet_file import FleetFile

OURS, PEERS = ["pairs"], ["nginx-lua", "haproxy"]


def run_of(side: str, round_: int, rate: float, p50_ms: float | None = None) -> Run:
    return Run(side=side, round=round_, operations_per_second=rate, p50_ms=p50_ms)


RUNS = [
    run_of("pairs", 1, 100, 2.0),
    run_of("nginx-lua", 1, 400),
    run_of("pairs", 2, 300, 1.0),
    run_of("nginx-lua", 2, 300),
    run_of("pairs", 3, 200, 9.0),
    run_of("nginx-lua", 3, 100),
]


def test_a_side_has_the_median_of_its_rounds_and_their_range_and_no_figure_that_no_round_has() -> None:
    assert medians_table(RUNS).splitlines()[2:] == [
        "| `pairs` | 200 | 100–300 | 2.00 | – | – | – |",
        "| `nginx-lua` | 300 | 100–400 | – | – | – | – |",
    ]


def test_a_ratio_compares_within_each_round_and_is_the_median_of_these() -> None:
    """100/400, 300/300 and 200/100: a round in which the machine was busy elsewhere slows both sides."""
    assert ratios(RUNS, OURS, PEERS) == {("pairs", "nginx-lua"): 1.0}


def test_a_side_that_was_not_measured_has_no_column() -> None:
    assert ratios_table(RUNS, OURS, PEERS).splitlines() == [
        "|  | `nginx-lua` |",
        "| --- | ---: |",
        "| `pairs` | 1.00 |",
    ]


def test_clients_of_several_dispatchers_add_up_without_what_was_refused_and_the_slowest_latency_counts() -> None:
    first = {"requests": 50, "seconds": 5.0, "p50_ms": 1.0, "p99_ms": 9.0, "refused": 1, "broken": 0}
    second = {"requests": 100, "seconds": 5.0, "p50_ms": 2.0, "p99_ms": 3.0, "refused": 2, "broken": 4}
    run = combined(SIDES["bulk-100"], 1, [first, second])

    assert run.operations_per_second == pytest.approx((50 * 100 - 1) / 5 + (100 * 100 - 2) / 5)
    assert (run.p50_ms, run.p99_ms, run.refused, run.broken) == (2.0, 9.0, 3, 4)


def test_processor_time_is_per_operation() -> None:
    run = with_processor_time(run_of("pairs", 1, 100), 500, Spent(1.0, None), Spent(1.5, None))

    assert run.server_us == pytest.approx(1000)
    assert run.store_us is None


def test_processor_time_counts_a_process_and_its_children(tmp_path: Path) -> None:
    for process, ticks, children in ((7, "5 6", "8 9"), (8, "100 0", ""), (9, "0 1000", "")):
        (tmp_path / f"{process}/task/{process}").mkdir(parents=True)
        (tmp_path / f"{process}/stat").write_text(f"{process} (a) b) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0")
        (tmp_path / f"{process}/task/{process}/children").write_text(children)

    assert seconds_of([7], tmp_path) == 1111 / os.sysconf("SC_CLK_TCK")
    assert seconds_of([10], tmp_path) is None


def test_a_client_that_gives_no_result_is_quoted() -> None:
    with pytest.raises(ValueError, match="unable to connect"):
        read_wrk("unable to connect to 127.0.0.1:1")


def test_a_side_whose_program_is_missing_is_named_with_the_reason_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "wrk" else None)
    with ExitStack() as stack:
        servers, skipped = start(stack, [SIDES["haproxy"], SIDES["nginx-lua"], SIDES["store-128"]], Load())

        assert skipped == {"haproxy": "haproxy is not on PATH", "nginx-lua": "nginx is not on PATH"}
        assert servers.keys() == {("store", False)}


def test_without_the_client_only_the_store_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with ExitStack() as stack:
        servers, skipped = start(stack, list(SIDES.values()), Load())

    assert servers.keys() == {("store", False)}
    assert set(skipped) == {side.name for side in SIDES.values() if side.kind != "store"}
    assert set(skipped.values()) == {"wrk is not on PATH"}


@pytest.mark.parametrize("classes", [1, 2, 64])
def test_the_measured_fleet_is_within_the_limits_and_has_all_its_pools(classes: int) -> None:
    file = FleetFile.model_validate(fleet_document(Load(pools=1001, classes=classes)))

    assert sum(c.pool_count for c in file.classes) == 1001


def test_a_session_is_completed_only_after_more_arrivals_than_calls_are_in_flight() -> None:
    load = Load(connections=64, bulk_connections=4, dispatchers=2)

    assert load.young(SIDES["pairs"]) > load.connections_of(SIDES["pairs"]) == 32
    assert load.young(SIDES["bulk-1000"]) >= load.connections_of(SIDES["bulk-1000"]) * 500
    assert load.live(SIDES["bulk-1000"]) >= 2 * load.young(SIDES["bulk-1000"])
