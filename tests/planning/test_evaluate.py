"""The figures of an evaluation beside what they are by definition, and the command that prints them."""

from __future__ import annotations

import base64
import os
import re
import shutil
import sys
from datetime import UTC
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from slta.core.policies import PLACING
from slta.fleet_file import compile_spec, load_yaml
from slta_planning.evaluate import html_report
from slta_planning.evaluate.command import app
from slta_planning.evaluate.evaluate_report import report
from slta_planning.evaluate.pool_numbers import PoolNumbers
from slta_planning.evaluate.reading import Selection, read_log
from slta_planning.evaluate.replay import SEED, whole
from tests.planning.commands import called, figures_of, refusal, shown
from tests.planning.recorded import FIRST_START, FLEET, POOLS, least_connections, means, write_csv

HEAD = "start_s,duration_s,pool\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet and a log of two and a half hours."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    write_csv(least_connections(9000), folder / "log.csv")
    return folder


def run(folder: Path, *options: str, log: str = "log.csv") -> Result:
    return called(app, folder / log, folder / "fleet.yaml", *options)


def figures(folder: Path, *options: str, log: str = "log.csv") -> Any:
    return figures_of(app, folder, folder / log, folder / "fleet.yaml", *options)


@pytest.fixture(scope="module")
def data(folder: Path) -> Any:
    return figures(folder)


def expected(folder: Path, begin: float, end: float) -> dict[str, float]:
    """The recorded placement by definition."""
    spec = compile_spec(load_yaml(folder / "fleet.yaml").file)
    seen = means(spec, POOLS, least_connections(9000), begin, end)
    places = sorted(
        (m for c, ms in zip(spec.classes, spec.ranking.marginals, strict=True) for m in ms * POOLS[c.name]),
        reverse=True,
    )
    whole = int(seen.sessions)
    bound = sum(places[:whole]) + (seen.sessions - whole) * places[whole]
    return {
        "mean_sessions": seen.sessions,
        "bound": bound,
        "utility": seen.utility,
        "relative_placement_gap": (seen.optimum - seen.utility) / bound,
        "relative_swing_gap": (bound - seen.optimum) / bound,
    }


def of_recorded(found: Any) -> dict[str, float]:
    figures, names = found | found["recorded"], ("mean_sessions", "bound", "utility")
    return {name: figures[name] for name in (*names, "relative_placement_gap", "relative_swing_gap")}


def test_the_recorded_placement_is_what_it_is_by_definition(folder: Path, data: Any) -> None:
    window = data["window"]
    assert of_recorded(data) == pytest.approx(expected(folder, window["from_s"], window["to_s"]), rel=1e-5)


def test_each_hour_is_what_it_is_by_definition(folder: Path, data: Any) -> None:
    hours = data["hours"]
    assert len(hours) == 3
    assert [hour["from_s"] % 3600 for hour in hours[1:]] == [0, 0]
    for hour in hours:
        assert of_recorded(hour) == pytest.approx(expected(folder, hour["from_s"], hour["to_s"]), rel=1e-5, abs=1e-7)


def test_the_window_is_from_the_first_start_to_the_last_less_a_mean_duration(data: Any) -> None:
    sessions = least_connections(9000)
    mean = sum(s.end - s.start for s in sessions) / len(sessions)
    window = data["window"]
    assert window["warm_up_s"] == pytest.approx(mean, rel=1e-5)
    assert window["from_s"] + 0.0 == pytest.approx(sessions[0].start + mean, abs=200)
    assert window["to_s"] == pytest.approx(sessions[-1].start, abs=200)
    assert window["seconds"] == pytest.approx(sessions[-1].start - sessions[0].start - mean, rel=1e-5)
    rate = len(sessions) / (sessions[-1].start - sessions[0].start)
    excess = sum(max(s.end - s.start - mean, 0) for s in sessions) / len(sessions)
    assert window["missing_at_begin"] == pytest.approx(rate * excess, rel=1e-5)
    assert data["lines"]["open_at_end"] == sum(s.end > sessions[-1].start for s in sessions)


def test_the_policies_lose_less_than_weights_and_those_less_than_equal_ones(data: Any) -> None:
    lost = {name: found["relative_placement_gap"] for name, found in data["policies"].items()}
    assert 0 <= lost["jlmu"] < lost["best_fixed_weights"] < lost["least_connections"]
    assert [name for name in PLACING if not 0 <= lost[name] < lost["best_fixed_weights"]] == []
    assert lost["best_fixed_weights"] < data["recorded"]["relative_placement_gap"]


def lost_by_weights(folder: Path, data: Any, weights: tuple[int, ...], seed: int) -> float:
    """Placement gap of weighted least connections on the log's sessions."""
    from slta_experiments.engine.simulate import Run, simulate
    from slta_experiments.workload import generator, workload_of
    from slta_planning.simulation import shape_of

    spec = compile_spec(load_yaml(folder / "fleet.yaml").file)
    log = read_log(folder / "log.csv", Selection(None, UTC), PoolNumbers(POOLS))
    shape, starts = shape_of(spec.classes, log.numbers.pools(spec.class_names())), log.starts - log.starts[0]
    workload = workload_of(0, starts, log.ends - log.starts[0], generator(seed).random(len(starts)))
    run_ = Run(horizon=starts[-1], warm_up=data["window"]["warm_up_s"], rank=1, order=shape.weighted(weights))
    found = simulate(shape, 12, "JLMU", workload, run_).gaps
    return found.relative(found.placement_gap) or 0.0


def test_weights_that_were_recorded_are_replayed_nearly_as_they_were(folder: Path, data: Any) -> None:
    """WEIGHTS are among weights like the best; replayed with its own weights a log loses what it lost."""
    lost = lost_by_weights(folder, data, (1, 1, 2), 1)
    assert lost == pytest.approx(data["recorded"]["relative_placement_gap"], abs=0.003)


def test_the_weights_that_are_printed_are_whole_and_those_that_were_evaluated(folder: Path, data: Any) -> None:
    weights = tuple(data["weights"].values())
    assert [weight for weight in weights if not (isinstance(weight, int) and 1 <= weight <= 256)] == []
    lost = data["policies"]["best_fixed_weights"]["relative_placement_gap"]
    assert lost_by_weights(folder, data, weights, SEED) == pytest.approx(lost, rel=1e-9)
    assert whole([0.001, 1, 2]) == [1, 128, 256]
    assert whole([0.5, 1, 1.5]) == [85, 171, 256]
    assert whole([3, 3, 3]) == [1, 1, 1]


def test_a_class_column_says_the_same(folder: Path, data: Any) -> None:
    rows = [
        f"{s.start:.3f},{s.end - s.start:.3f},x{s.pool[-3:]},{s.pool.rpartition('-')[0]}"
        for s in least_connections(9000)
    ]
    (folder / "class.csv").write_text("\n".join(["start_s,duration_s,pool,class", *rows]), encoding="utf-8")
    assert of_recorded(figures(folder, log="class.csv")) == pytest.approx(of_recorded(data), rel=1e-6)


def test_lines_are_counted_by_what_became_of_them(folder: Path) -> None:
    good = [f"{k},{3000 - k},linear-1" for k in range(60)]
    rows = [*good, "70,5,linear-1", "75,1,linear-7", "76,1,"]
    rows += [f"{times},linear-2" for times in ("77,x", "100,5", "90,1", "2900,200")]
    (folder / "counted.csv").write_text(HEAD + "\n".join(rows), encoding="utf-8")
    data = figures(folder, "--warm-up", "0", "--max-left-out", "0.1", "--unseen", "keep", log="counted.csv")
    counts = {"read": 67, "bad": 1, "unknown_pool": 1, "overlapping": 1, "open_at_end": 61, "clock_back": 1}
    assert {name: data["lines"][name] for name in counts} == counts
    assert (data["lines"]["not_placed"], data["sessions"]) == (1, 63)


def test_a_session_that_a_full_pool_got_is_left_out_for_everybody(folder: Path) -> None:
    rows = [*(f"{k},{900 - k},saturating-1" for k in range(41)), "950,1,saturating-1"]
    (folder / "full.csv").write_text(HEAD + "\n".join(rows), encoding="utf-8")
    data = figures(folder, "--warm-up", "100", "--max-left-out", "0.1", "--unseen", "keep", log="full.csv")
    assert data["lines"]["overlapping"] == 1
    assert data["mean_sessions"] == pytest.approx(40 * 800 / 850, rel=1e-6)
    assert data["recorded"]["utility"] == pytest.approx(1.5 * 20 * 800 / 850, rel=1e-6)


def test_too_many_lines_that_cannot_be_used_are_refused_and_named(folder: Path) -> None:
    (folder / "bad.csv").write_text(HEAD + "1,2,linear-1\n3,x,linear-1\n4,2,nobody-1\n", encoding="utf-8")
    result = run(folder, log="bad.csv")
    assert result.exit_code == 2
    assert max(map(len, result.output.splitlines())) <= 80
    told = shown(result)
    assert "2 of 3 lines cannot be used (1 bad, 1 on unknown pools)" in told
    assert "line 3: duration_s is not a number: 'x'" in told
    assert "unknown pool nobody-1 (1 times)" in told
    assert r"map them with --map 'nobody-(\d+)=CLASS', CLASS one of linear, quadratic, saturating" in told


def test_a_number_beyond_the_pools_of_the_file_is_not_to_be_mapped(folder: Path) -> None:
    (folder / "beyond.csv").write_text(HEAD + "1,2,linear-7\n", encoding="utf-8")
    result = run(folder, log="beyond.csv")
    assert "the fleet file has 6 pools of linear" in result.output
    assert "--map" not in result.output


def of_backends(folder: Path, *servers: str) -> Path:
    line = "1.2.3.4:5 [25/Nov/2026:10:55:{:02}.000] f {} 0/0/9000 212 -- 0/0/0/0/3 0/0\n"
    log = folder / "haproxy.log"
    log.write_text("".join(line.format(k, servers[k % len(servers)]) for k in range(40)), encoding="utf-8")
    return log


def test_an_error_about_unknown_pools_names_the_backends_of_the_log(folder: Path) -> None:
    log = of_backends(folder, "game/linear-1", "web/www")
    result = called(app, log, folder / "fleet.yaml")
    assert "choose with --backend: game (20), web (20)" in result.output


def test_lines_of_other_backends_and_backends_read_together_are_told(folder: Path) -> None:
    log = of_backends(folder, "game/linear-1", "web/linear-1")
    call = (app, log, folder / "fleet.yaml", "--unseen", "drop")
    assert "2 backends, where servers of one name count as one pool" in shown(called(*call))
    text = shown(called(*call, "--backend", "game"))
    assert "20 lines of other backends not read; lines by backend: game (20), web (20)" in text


def test_few_sessions_are_told(folder: Path, data: Any) -> None:
    log = of_backends(folder, "game/linear-1")
    few = shown(called(app, log, folder / "fleet.yaml", "--unseen", "drop"))
    assert ("only 40 sessions" in few, "only" in report(data, UTC)) == (True, False)


def test_of_many_backends_the_first_five_are_told_and_that_there_are_more(folder: Path) -> None:
    log = of_backends(folder, *(f"b{k}/linear-1" for k in range(8)))
    text = shown(called(app, log, folder / "fleet.yaml", "--unseen", "drop"))
    assert "(--backend): b0 (5), b1 (5), b2 (5), b3 (5), b4 (5), …" in text


def test_dates_without_a_time_zone_are_warned_of(folder: Path) -> None:
    log = of_backends(folder, "game/linear-1")
    call = (app, log, folder / "fleet.yaml", "--unseen", "drop")
    told = "warning: HAProxy's dates are taken as UTC"
    assert told in called(*call).stderr
    assert told not in called(*call, "--timezone", "Europe/Berlin").stderr
    assert told not in run(folder).stderr


def test_every_line_fits_80_columns_and_breaks_between_words(folder: Path) -> None:
    lines = run(folder).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "best fixed weights would have lost" in " ".join(" ".join(lines).split())


def test_one_session_that_may_be_missing_is_told_in_the_singular(data: Any) -> None:
    window = data["window"] | {"missing_at_begin": 1.4, "missing_at_end": 1.4}
    text = " ".join(report(data | {"window": window}, UTC).split())
    assert "about 1 session open before the log began" in text
    assert "about 1 session still open when the log ended" in text


def test_the_table_by_the_hour_has_the_gaps_of_each_hour(folder: Path, data: Any) -> None:
    text = run(folder).stdout
    _, table = text.split("placement gap in % of the bound, hour by hour\n")
    rows = [line.split() for line in table.partition("\n\n")[0].splitlines()]
    assert rows[-3][3] == f"{100 * data['hours'][0]['recorded']['relative_placement_gap']:.2f}"
    assert rows[-1][-1] == f"{100 * data['hours'][2]['recorded']['relative_swing_gap']:.2f}"


@pytest.mark.parametrize(
    ("options", "rows", "message"),
    [
        ([], "1,2,linear-1\n", "slta: 1 session on pools of the fleet: too few to measure"),
        ([], "1,5,linear-1\n2,5,linear-1\n", "take a longer log, or set --warm-up and --cool-down"),
        ([], "0,1,linear-1\n1795608000,1,linear-1\n", "the starts span 57 years, from 0 to 1795608000 s"),
        (
            ["--warm-up", "3", "--unseen", "keep"],
            "1,1,linear-1\n8,1,linear-1\n",
            "no session is open between the warm-up and the end",
        ),
        (["--timezone", "Mars/Olympus"], "", "unknown time zone"),
        (["--format", "xml"], "", "is not one of"),
        (["--html", "."], "", "Invalid value for '--html': .: is a directory"),
        (["--warm-up", "-1"], "", "Invalid value for '--warm-up'"),
        (["--columns", "begin=x"], "", "'begin' is none of start, start_ms, end"),
        (["--columns", "start=x"], "1,1,linear-1\n", "there is no x"),
        (["--map", "srv-1"], "", r"'srv-1' is not like 'srv-(\d+)=small'"),
        (["--map", "(=linear"], "", "'(' is not a regular expression"),
        (["--map", "x=tiny"], "", "the fleet file has no class 'tiny'; its classes are linear, quadratic, saturating"),
        (["--backend", "game"], "1,1,linear-1\n8,1,linear-1\n", "--backend: only lines of HAProxy name a backend"),
    ],
)
def test_what_cannot_be_measured_gets_a_clear_text(folder: Path, options: list[str], rows: str, message: str) -> None:
    (folder / "short.csv").write_text(HEAD + rows, encoding="utf-8")
    assert message in refusal(run(folder, *options, log="short.csv"))


def test_files_that_are_missing_are_named(folder: Path) -> None:
    assert "missing.csv: No such file" in run(folder, log="missing.csv").output
    result = called(app, folder / "log.csv", folder / "missing.yaml")
    assert (result.exit_code, "missing.yaml' does not exist" in shown(result)) == (2, True)


def test_the_figure_is_written_as_svg_and_as_png(folder: Path) -> None:
    assert run(folder, "--figure", str(folder / "lost.png")).exit_code == 0
    assert (folder / "lost.png").read_bytes().startswith(b"\x89PNG")
    svg = (folder / "lost.svg").read_text(encoding="utf-8")
    for words in ("recorded", "best fixed weights", "SLTA", "sessions", "log.csv on fleet.yaml"):
        assert words in svg


def test_the_report_is_one_page_that_needs_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["slta", "evaluate", "<b>.csv"])
    shutil.copy(folder / "log.csv", folder / "<b>.csv")
    assert run(folder, "--html", str(folder / "report.html"), log="<b>.csv").exit_code == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
    for words in ("<b>.csv on fleet.yaml", "slta evaluate '<b>.csv'", "still open at the end", "Assumptions"):
        assert words in text
    rows = [" ".join(line.split()) for line in run(folder).stdout.splitlines() if " %  " in line or "  09-" in line]
    assert len(rows) > 5
    assert [row for row in rows if row not in text] == []
    assert "<b>" not in page + html_report._row(["<b>"], "td")
    assert re.findall(r'(?:src|href)="(.{11})', page) == ["data:image/"]
    assert b"best fixed weights" in base64.b64decode(page.partition("base64,")[2].partition('"')[0])


@pytest.mark.parametrize("name", ["a_$1_to_$2.csv", "\x1b[31m.csv", os.fsdecode(b"\xe9.csv")])
def test_a_file_of_any_name_gets_its_report(folder: Path, name: str) -> None:
    shutil.copy(folder / "log.csv", folder / name)
    result = run(folder, "--html", str(folder / "report.html"), log=name)
    assert result.exit_code == 0, result.output
    assert "\x1b" not in (folder / "report.html").read_text(encoding="utf-8")


def test_times_that_count_from_a_moment_of_their_own_are_shown_as_such(folder: Path) -> None:
    sessions = (s._replace(start=s.start - FIRST_START, end=s.end - FIRST_START) for s in least_connections(4500))
    write_csv([*sessions], folder / "own.csv")
    assert "to 1:1" in run(folder, log="own.csv").output
