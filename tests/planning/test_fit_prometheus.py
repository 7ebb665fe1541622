"""Samples from a real Prometheus: two queries whose series have the same labels."""

from __future__ import annotations

import csv
import json
import math
import socket
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from pathlib import Path

import pytest
from typer.testing import Result

from slta.fleet_file import load_yaml
from slta_planning.fit.command import app
from slta_planning.fit.prometheus import MAX_STEPS, Range, Source
from slta_planning.fit.series import Series
from testbed.awaiting import until_answered
from testbed.processes import Process
from testbed.servers import free_port
from testbed.service_process import ServiceProcess
from tests.planning.commands import called, figures_of

MINUTES = 240
START = 1_790_000_000 - 1_790_000_000 % 7200
LAST = START + 60 * (MINUTES - 1)
SESSIONS, FRAMES = 'room_sessions{job="games"}', "avg without (card) (room_frames)"


def held(pool: int, minute: int) -> int:
    return 1 + (minute * 7 + pool * 5) % 12


def frames(pool_class: str, pool: int, minute: int) -> float:
    """What a frame rate is, with a ripple for noise."""
    return min(60.0, {"small": 240, "large": 480}[pool_class] / held(pool, minute)) + math.sin(minute + pool)


def metrics() -> str:
    """Four pools over four hours, in OpenMetrics. Each pool has a label that the other query takes away."""
    sessions, frame_rates = ["# TYPE room_sessions gauge"], ["# TYPE room_frames gauge"]
    for pool_class, pool, minute in product(("small", "large"), (1, 2), range(MINUTES)):
        labels, at = f'job="games",pool="{pool_class}-{pool}",pool_class="{pool_class}"', START + 60 * minute
        sessions.append(f"room_sessions{{{labels}}} {held(pool, minute)} {at}")
        frame_rates.append(f'room_frames{{card="0",{labels}}} {frames(pool_class, pool, minute)} {at}')
    return "\n".join([*sessions, *frame_rates, "# EOF", ""])


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "metrics").write_text(metrics(), encoding="utf-8")
    (folder / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "metrics", folder / "data"]
    subprocess.run([*map(str, blocks)], check=True, capture_output=True)
    port = free_port()
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    options += ["--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}"]
    with Process("prometheus", *options, log=folder / "log"):
        until_answered(f"http://127.0.0.1:{port}/-/ready")
        yield f"http://127.0.0.1:{port}"


def run(url: str, *options: str, sessions: str = SESSIONS, value: str = FRAMES) -> Result:
    queries = ["--prometheus", url, "--sessions-query", sessions, "--value-query", value]
    return called(app, *queries, "--start", str(START), "--end", str(LAST), *options)


@pytest.mark.needs("prometheus", "promtool")
def test_a_sample_is_where_both_queries_have_one(prometheus: str, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yaml"
    result = run(prometheus, "--step", "60", "--yaml", str(fleet))
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{4 * MINUTES:,} samples of 2 classes")
    classes = {entry.name: entry for entry in load_yaml(fleet).file.classes}
    assert {(name, entry.pools, entry.capacity) for name, entry in classes.items()} == {
        ("large", 2, 12),
        ("small", 2, 12),
    }
    found = {name: entry.utility.utility().value(8) for name, entry in classes.items()}
    assert found == pytest.approx({"small": 240, "large": 480}, rel=0.05)


@pytest.mark.needs("prometheus", "promtool")
def test_a_running_fleet_gets_curves_from_the_first_sample_of_each_visit_to_a_level(
    prometheus: str, tmp_path: Path, shared_service: ServiceProcess
) -> None:
    utility = {"kind": "weighted_least_connections", "weight": 1}
    classes = [{"name": name, "capacity": 11, "pools": 2, "utility": utility} for name in ("small", "large")]
    body = {"policy": "jlmu", "quality": {"per": "session", "unit": "frames/s"}, "classes": classes}
    shared_service.call("PUT", "/v1/fleets/measured", body)
    live = ["--live", "--fleet", "measured", "--url", shared_service.url, "--json", str(tmp_path / "out.json")]
    result = run(prometheus, "--step", "30", *live)
    assert result.exit_code == 0, result.output
    assert "small: 2 pools, 439 samples, measured up to level 11 of 11" in result.stdout  # pool 2 begins as 1 ends
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["classes"]
    values = {name: (one["levels"][7]["sum"] / one["levels"][7]["samples"]) for name, one in found.items()}
    assert values == pytest.approx({"small": 240, "large": 480}, rel=0.05)
    assert run(prometheus, *live, "--per-pool").exit_code == 2


Rows = list[list[object]]
COLUMNS = ["job", "pool", "pool_class"]


def long_export(held: Series, valued: Series) -> Rows:
    """As Prometheus' query_csv.py writes it."""
    both = [(name, *one) for name, series in (("A", held), ("B", valued)) for one in series.items()]
    rows = [[name, at, v, *dict(labels).values()] for name, labels, values in both for at, v in values.items()]
    return [["name", "timestamp", "value", *COLUMNS], *rows]


def wide_export(held: Series, valued: Series) -> Rows:
    """As Grafana writes series joined by time."""
    both = [(name, *one) for name, series in (("A", held), ("B", valued)) for one in series.items()]
    heads = [name + "{" + ", ".join(f'{k}="{v}"' for k, v in labels) + "}" for name, labels, _ in both]
    times = sorted(next(iter(held.values())))
    return [
        ["Time", *heads],
        [LAST + 60, *("" for _ in heads)],
        *([at, *(values.get(at, "") for *_, values in both)] for at in times),
    ]


def table_export(held: Series, valued: Series) -> Rows:
    """As Grafana writes a table of both queries, here called A and B."""
    both = [(labels, values, valued[labels]) for labels, values in held.items()]
    rows = [[at, *dict(labels).values(), x, worth[at]] for labels, values, worth in both for at, x in values.items()]
    return [["Time", *COLUMNS, "A", "B"], *rows]


@pytest.mark.needs("prometheus", "promtool")
@pytest.mark.parametrize("export", [long_export, wide_export, table_export])
def test_an_export_has_the_samples_of_the_server(
    prometheus: str, tmp_path: Path, export: Callable[[Series, Series], Rows]
) -> None:
    source, span = Source(prometheus), Range(START, LAST, 60)
    with (tmp_path / "export.csv").open("w", encoding="utf-16", newline="") as file:
        file.write("sep=;\n")  # for Excel
        csv.writer(file, delimiter=";").writerows(export(source.series(SESSIONS, span), source.series(FRAMES, span)))
    names = ("--sessions-query", "A", "--value-query", "B")
    series = ("--sessions-query", SESSIONS, "--value-query", FRAMES)
    asked_for = ("--prometheus", prometheus, *series, "--start", START, "--end", LAST, "--step", 60)
    truth = figures_of(app, tmp_path, *map(str, asked_for))
    assert figures_of(app, tmp_path, tmp_path / "export.csv", *names) == truth
    wrong = called(app, tmp_path / "export.csv", "--sessions-query", "A", "--value-query", "C")
    assert (wrong.exit_code, "none of --value-query" in wrong.output) == (2, True)


@pytest.mark.slow
@pytest.mark.needs("prometheus", "promtool")
def test_more_steps_than_a_server_answers_at_once_are_asked_for_in_parts(prometheus: str) -> None:
    steps = LAST - START + 1
    assert steps > 11_000
    result = run(prometheus, "--step", "1")
    assert result.stdout.startswith(f"{4 * steps:,} samples of 2 classes"), result.output


def test_the_parts_are_all_steps_once() -> None:
    parts = [*Range(5.0, 5.0 + 2.5 * MAX_STEPS, 0.5).parts()]
    assert [round((part.end - part.start) / part.step) + 1 for part in parts] == [MAX_STEPS] * 5 + [1]
    assert [(a, b) for a, b in pairwise(parts) if b.start != a.end + a.step] == []
    assert parts[-1].end == 5.0 + 2.5 * MAX_STEPS


@pytest.mark.needs("prometheus", "promtool")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"value": "room_frames"}, "no series of --sessions-query has the same labels as one of --value-query"),
        ({"sessions": "nothing"}, "none of --sessions-query"),
        ({"value": "avg("}, "Prometheus refused 'avg('"),
        ({"sessions": "sum(room_sessions)", "value": "sum(room_frames)"}, "has no label pool_class"),
    ],
)
def test_queries_that_do_not_fit_are_explained(prometheus: str, words: dict[str, str], message: str) -> None:
    result = run(prometheus, "--step", "60", **words)
    assert result.exit_code == 2
    assert message in result.output


def test_a_server_that_is_none_is_explained() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        result = run(f"http://127.0.0.1:{deaf.getsockname()[1]}")
    assert (result.exit_code, "the query failed" in result.output) == (2, True)


@pytest.mark.parametrize("url", ["localhost:9090", "http://", "http://[::1", "http://a b", "http://a:0", "ftp://a"])
def test_an_address_that_is_none_is_explained(url: str) -> None:
    result = run(url)
    assert (result.exit_code, "is not a URL like" in result.output) == (2, True)


def test_more_steps_than_anybody_waits_for_are_refused() -> None:
    result = run("http://localhost:1", "--start", "-1e300")
    assert (result.exit_code, "use a longer --step or a later --start" in result.output) == (2, True)


@pytest.mark.parametrize("options", [["--start", "yesterday"], ["--end", str(START - 1)], ["--step", "0"]])
def test_a_time_that_is_none_is_a_mistake(options: list[str]) -> None:
    assert run("http://localhost:1", *options).exit_code == 2
