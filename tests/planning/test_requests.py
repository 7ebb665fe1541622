"""Requests that pass for sessions: refused, or put together by the id in their lines."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from slta_planning.evaluate.command import app
from tests.planning.commands import called, figures_of, refusal, shown
from tests.planning.recorded import FLEET, Session, least_connections, write_csv

SESSIONS = least_connections(4000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    return tmp_path


def requests(folder: Path, sessions: list[Session], pause: float = 5.0, strays: float = 0.0) -> Path:
    """Each session as requests of 20 s with pauses, in order of their ends; some on another pool."""
    rows, draws = [], random.Random(1)
    for number, session in enumerate(sessions):
        at = session.start
        while at < session.end:
            end = min(at + 20, session.end)
            pool = f"linear-{draws.randint(1, 6)}" if draws.random() < strays else session.pool
            rows.append((end, f"{end - at:.3f},{pool},u{number}"))
            at = end + pause
    text = [f"{end:.3f},{row}" for end, row in sorted(rows)]
    log = folder / "requests.csv"
    log.write_text("\n".join(["end_s,duration_s,pool,session_id", *text]), encoding="utf-8")
    return log


@pytest.mark.slow
def test_lines_with_an_id_are_put_together_to_their_sessions(folder: Path) -> None:
    fleet = folder / "fleet.yaml"
    whole = figures_of(app, folder, write_csv(SESSIONS, folder / "log.csv"), fleet)
    log = requests(folder, SESSIONS)
    cut = ("--warm-up", str(whole["window"]["warm_up_s"]), "--cool-down", "0")
    data = figures_of(app, folder, log, fleet, "--gap", "5.1", *cut)
    assert data["sessions"] == len(SESSIONS)
    lost = whole["recorded"]["relative_placement_gap"]
    assert data["recorded"]["relative_placement_gap"] == pytest.approx(lost, abs=0.001)
    half, _, twice = data["by_gap"]
    assert half["sessions"] > twice["sessions"] == len(SESSIONS)
    assert "sessions by --gap" in shown(called(app, log, fleet, "--gap", "5.1"))


def calls(folder: Path, log: Path, *options: str) -> Any:
    return called(app, log, folder / "fleet.yaml", *options)


@pytest.mark.parametrize("strays", [0.02, 0.2])
def test_a_balancer_that_does_not_keep_sessions_is_told(folder: Path, strays: float) -> None:
    result = calls(folder, requests(folder, SESSIONS, strays=strays), "--gap", "5.1")
    assert result.exit_code == (2 if strays > 0.05 else 0)
    assert ("this balancer does not keep sessions" in result.output) == (strays > 0.05)


def test_an_id_that_comes_again_and_again_is_of_requests(folder: Path) -> None:
    log = requests(folder, SESSIONS)
    assert "the lines seem to be requests, not sessions" in refusal(calls(folder, log))
    assert calls(folder, log, "--lines-are-sessions").exit_code == 0
    assert calls(folder, requests(folder, SESSIONS, pause=90)).exit_code == 0


def test_short_lines_are_requests(folder: Path) -> None:
    log = write_csv([s._replace(end=s.start + 0.05) for s in SESSIONS], folder / "log.csv")
    assert "they last 0.05 s on average" in shown(calls(folder, log))
    result = calls(folder, log, "--lines-are-sessions")
    assert result.exit_code == 0
    assert "0.05 s long on average, 0.05 s in the median" in result.output
    assert "90% of the pools are idle" in shown(result)


def test_a_line_without_an_id_is_a_bad_one_for_gap(folder: Path) -> None:
    assert "no id of a session" in shown(calls(folder, write_csv(SESSIONS, folder / "log.csv"), "--gap", "9"))
