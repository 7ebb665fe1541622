"""Logs that are not what happened, beside the truth: an hour that comes twice, lines twice, ids that repeat, holes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from slta_planning.evaluate.command import app
from tests.planning.commands import called, figures_of, shown
from tests.planning.recorded import FLEET, Session, least_connections

pytestmark = pytest.mark.slow
SHORT = least_connections(9000, 60.0)
CUT = ("--warm-up", "300", "--cool-down", "300")
Rows = list[tuple[float, float, str]]
"""Start, end and pool of a line, in order of the ends."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    return tmp_path


def call(folder: Path, log: Path, *options: str) -> Any:
    return called(app, log, folder / "fleet.yaml", *CUT, *options)


def lost(folder: Path, log: Path, *options: str) -> Any:
    return figures_of(app, folder, log, folder / "fleet.yaml", *CUT, *options)


def ended(sessions: Sequence[Session]) -> Rows:
    return sorted((tuple(session) for session in sessions), key=lambda row: row[1])  # type: ignore[misc]


def write(folder: Path, rows: Sequence[str], head: str = "end_s,duration_s,pool,session_id") -> Path:
    log = folder / "broken.csv"
    log.write_text("\n".join([head, *rows]), encoding="utf-8")
    return log


def csv(rows: Rows, digits: int = 3) -> list[str]:
    return [f"{end:.{digits}f},{end - start:.{digits}f},{pool},u{k}" for k, (start, end, pool) in enumerate(rows)]


def gaps(data: Any) -> list[float]:
    return [data["recorded"][f"relative_{kind}_gap"] for kind in ("placement", "swing")]


@pytest.mark.parametrize(
    ("zone", "change"), [("Europe/Berlin", "2026-10-25T01:00Z"), ("America/New_York", "2026-11-01T06:00Z")]
)
def test_the_hour_that_comes_twice_is_read_twice(folder: Path, zone: str, change: str) -> None:
    shift = datetime.fromisoformat(change).timestamp() - 4500 - SHORT[0].start
    rows = [(start + shift, end + shift, pool) for start, end, pool in ended(SHORT)]
    log, name = folder / "haproxy.log", ZoneInfo(zone)
    line = "1.2.3.4:5 [{:%d/%b/%Y:%H:%M:%S}.{:03}] f b/{} 0/0/{} 212 -- 0/0/0/0/0 0/0\n"

    def text(zone: Any) -> str:
        dates = ((datetime.fromtimestamp(int(start), zone), start, end, pool) for start, end, pool in rows)
        whole = (
            (date, round(start % 1 * 1000) % 1000, pool, round(1000 * (end - start)))
            for date, start, end, pool in dates
        )
        return "".join(line.format(*one) for one in whole)

    log.write_text(text(UTC), encoding="utf-8")
    truth = lost(folder, log)
    log.write_text(text(name), encoding="utf-8")
    seen = lost(folder, log, "--timezone", zone)
    assert seen["lines"]["clock_back"] == 0
    assert seen["lines"]["second_hour"] > 1000
    assert gaps(seen) == pytest.approx(gaps(truth), abs=1e-6)
    assert seen["window"] == pytest.approx(truth["window"])
    refused = call(folder, log)
    assert (refused.exit_code, "lines are after later ones" in shown(refused)) == (2, True)
    assert call(folder, log, "--unsorted").exit_code == 0


def rotated(rows: Rows) -> list[str]:
    return csv(rows) + csv(rows)[: len(rows) // 2]


def some_twice(rows: Rows) -> list[str]:
    return [line for k, line in enumerate(csv(rows)) for _ in range(1 + (k % 10 == 0))]


def reconnected(rows: Rows) -> list[str]:
    """Every fifth session has a second line with its id, which begins while it is open."""
    return csv(rows) + [
        f"{end + 1:.3f},{(end - start) / 2:.3f},{pool},u{k}"
        for k, (start, end, pool) in enumerate(rows)
        if k % 5 == 0 and end > start + 3
    ]


@pytest.mark.parametrize(
    ("broken", "kind", "words"),
    [
        (rotated, "twice", "{} twice"),
        (some_twice, "twice", "{} twice"),
        (reconnected, "still_open", "{} whose session_id is still open"),
    ],
)
def test_lines_twice_and_ids_that_are_open_are_left_out_counted_and_named(
    folder: Path, broken: Callable[[Rows], list[str]], kind: str, words: str
) -> None:
    rows = ended(SHORT)
    truth, lines = lost(folder, write(folder, csv(rows))), broken(rows)
    refused = call(folder, write(folder, lines), "--unsorted")
    extra = len(lines) - len(rows)
    assert (refused.exit_code, words.format(f"{extra:,}") in shown(refused)) == (2, True)
    seen = lost(folder, folder / "broken.csv", "--unsorted", "--max-left-out", "0.5")
    assert seen["lines"][kind] == extra
    assert gaps(seen) == pytest.approx(gaps(truth), abs=1e-6)


def test_lines_of_whole_seconds_may_be_equal_by_chance_and_only_those_out_of_order_are_copies(folder: Path) -> None:
    rows = csv(ended(SHORT), 0)
    rows = [line.rpartition(",")[0] for line in rows]
    assert lost(folder, write(folder, rows, "end_s,duration_s,pool"))["lines"]["twice"] == 0
    assert len(set(rows)) < len(rows), "some are equal"
    seen = lost(folder, write(folder, rows * 2, "end_s,duration_s,pool"), "--max-left-out", "0.6")
    assert seen["lines"]["twice"] == pytest.approx(len(rows), abs=20)  # those of the last second are in order


def test_a_stopped_logger_leaves_a_hole_that_is_named_and_left_out_on_request(folder: Path) -> None:
    rows = ended(SHORT)
    begin = SHORT[0].start + 3000
    lines = csv([row for row in rows if not begin < row[1] < begin + 900])
    refused = call(folder, write(folder, lines))
    assert (refused.exit_code, "the log has 1 hole" in shown(refused)) == (2, True)
    assert "lines are missing, the load is too small" in shown(call(folder, folder / "broken.csv", "--holes", "keep"))
    seen = lost(folder, folder / "broken.csv", "--holes", "drop")
    (hole,), (left_out,) = seen["holes"], seen["not_measured"]
    assert hole["from_s"] == pytest.approx(begin, abs=10)
    assert hole["to_s"] == pytest.approx(begin + 900, abs=10)
    whole = seen["window"]["to_s"] - seen["window"]["from_s"]
    assert seen["window"]["seconds"] == pytest.approx(whole - (left_out["to_s"] - left_out["from_s"]))
    # The truth of the same times, from the whole log.
    truth, parts = lost(folder, write(folder, csv(rows))), []
    for first, last in ((truth["window"]["from_s"], left_out["from_s"]), (left_out["to_s"], truth["window"]["to_s"])):
        cut = ("--warm-up", str(first - SHORT[0].start), "--cool-down", str(SHORT[-1].start - last))
        part = figures_of(app, folder, folder / "broken.csv", folder / "fleet.yaml", *cut)
        parts.append(
            (last - first, part["mean_sessions"], part["recorded"]["utility_optimum"] - part["recorded"]["utility"])
        )
    seconds = sum(part[0] for part in parts)
    sessions, difference = (sum(part[0] * part[k] for part in parts) / seconds for k in (1, 2))
    assert seen["mean_sessions"] == pytest.approx(sessions, rel=0.01)
    assert seen["recorded"]["relative_placement_gap"] == pytest.approx(difference / seen["bound"], abs=0.001)
    assert called(app, folder / "broken.csv", folder / "fleet.yaml", "--figure", folder / "x").exit_code == 0


def test_a_quiet_night_is_no_hole(folder: Path) -> None:
    quiet = [row for row in ended(SHORT) if not 3000 < row[0] - SHORT[0].start < 3900]
    assert lost(folder, write(folder, csv(quiet)))["holes"] == []
