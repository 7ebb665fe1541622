"""Logs of sessions that have types: figures by definition, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest

from slta.core.session_types.bound import bound
from slta.fleet_file import compile_spec, load_yaml
from slta_planning.evaluate.assignment import Assignment
from slta_planning.evaluate.command import app
from tests.planning.commands import called, figures_of, shown

FLEET = """
fleet: media
policy: jlmu
session_types:
  video: [gpu]
  chat: [gpu, plain]
classes:
  - {name: gpu, utility: {kind: linear, slope: 1.5}, capacity: 6, pools: 3}
  - {name: plain, utility: {kind: quadratic, linear: 1.4, quadratic: -0.02}, capacity: 10, pools: 3}
"""
POOLS = (3, 3)
SETS = {"": ("gpu", "plain"), "default": ("gpu", "plain"), "video": ("gpu",), "chat": ("gpu", "plain")}
KINDS = ("default", "video", "chat")


class Session(NamedTuple):
    """A line of the log."""

    start: float
    end: float
    pool: str
    kind: str


def recorded(seed: int = 1, seconds: float = 2000) -> list[Session]:
    """Random places among those that are free and of the type: it fills `gpu` with `chat`."""
    rng, now, found = Random(seed), 1000.0, list[Session]()
    while (now := now + rng.expovariate(0.5)) < 1000 + seconds:
        kind = rng.choices(["video", "chat", ""], [0.4, 0.5, 0.1])[0]
        places = [f"{name}-{k}" for name in SETS[kind] for k in (1, 2, 3)]
        capacity = {"gpu": 6, "plain": 10}
        held = {p: sum(s.pool == p and s.end > now for s in found) for p in places}
        free = [p for p in places if held[p] < capacity[p.rpartition("-")[0]]]
        if free:
            found.append(Session(now, now + rng.expovariate(1 / 50), rng.choice(free), kind))
    return found


def write(sessions: Sequence[Session], folder: Path) -> Path:
    (folder / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    rows = [f"{s.start!r},{s.end - s.start!r},{s.pool},{s.kind}" for s in sessions]
    (folder / "log.csv").write_text("\n".join(["start_s,duration_s,pool,session_type", *rows]), encoding="utf-8")
    return folder / "log.csv"


def figures(folder: Path, sessions: Sequence[Session], *options: str) -> Any:
    return figures_of(app, folder, write(sessions, folder), folder / "fleet.yaml", *options)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return figures(tmp_path_factory.mktemp("typed"), recorded())


def test_the_recorded_placement_is_what_it_is_by_definition(data: Any, tmp_path: Path) -> None:
    """U, U*(N_1 … N_T, A) and U*(N, A) counted anew between all events."""
    write([], tmp_path)
    spec, sessions = compile_spec(load_yaml(tmp_path / "fleet.yaml").file), recorded()
    begin, end = data["window"]["from_s"], data["window"]["to_s"]
    edges = sorted({begin, end, *(t for s in sessions for t in (s.start, s.end) if begin < t < end)})
    means = np.zeros(4 + len(KINDS))
    for left, right in pairwise(edges):
        there = [s for s in sessions if s.start <= left < s.end]
        counts = [sum((s.kind or "default") == kind for s in there) for kind in KINDS]
        held = {s.pool: sum(one.pool == s.pool for one in there) for s in there}
        worth = sum(1.5 * x if pool.startswith("gpu") else 1.4 * x - 0.02 * x * x for pool, x in held.items())
        best = Assignment.of(spec.type_sets, POOLS, spec.integers.marginals, counts).utility
        free = Assignment.of(spec.type_sets, POOLS, spec.integers.marginals, [sum(counts), 0, 0]).utility
        totals = [sum(counts), worth, spec.integers.to_utility(best), spec.integers.to_utility(free), *counts]
        means += np.array(totals) * (right - left) / (end - begin)
    most = bound(spec.type_sets, spec.bound_ranking, POOLS, [float(n) for n in means[4:]]).utility
    found = data["recorded"]
    assert data["mean_sessions"] == pytest.approx(means[0])
    assert found["utility"] == pytest.approx(means[1])
    assert found["utility_optimum"] == pytest.approx(means[2])
    assert data["bound"] == pytest.approx(most)
    assert data["relative_compatibility_gap"] == pytest.approx((means[3] - means[2]) / most, abs=1e-9)


def test_the_placements_are_jlmu_without_and_with_prices(data: Any) -> None:
    """Without prices `chat` fills `gpu`, where `video` is then refused."""
    assert list(data["policies"]) == ["jlmu_restricted", "jlmu"]
    refused = data["refused"]
    assert refused["jlmu"]["video"] < refused["jlmu_restricted"]["video"]
    assert refused["recorded"] == {"default": 0, "video": 0, "chat": 0}
    assert data["policies"]["jlmu"]["utility"] > data["policies"]["jlmu_restricted"]["utility"]
    for hour in (data, *data["hours"]):
        for found in (hour["recorded"], *hour["policies"].values()):
            assert found["relative_placement_gap"] >= -1e-9
            assert found["relative_swing_gap"] >= -1e-9


def test_the_report_names_both_and_the_refused_by_type(tmp_path: Path) -> None:
    text = shown(called(app, write(recorded(), tmp_path), tmp_path / "fleet.yaml"))
    assert "JLMU, no prices" in text
    assert "Compatibility gap" in text
    assert "Refused sessions by type: JLMU, no prices video" in text
    assert "Gaps of JLMU are to the bound of the sessions that it placed" in text
    assert "JLMU, no prices: for comparison only, no setting of the fleet file does so." in text
    assert "SLTA" not in text


def test_sessions_are_told_by_type_and_a_log_without_types_is_warned_of(tmp_path: Path) -> None:
    log, fleet = write(recorded(), tmp_path), tmp_path / "fleet.yaml"
    counts = {kind: sum((s.kind or "default") == kind for s in recorded()) for kind in KINDS}
    typed = called(app, log, fleet)
    assert "sessions by type: " + ", ".join(f"{kind} ({count})" for kind, count in counts.items()) in shown(typed)
    assert "no line has a session_type" not in typed.output
    log.write_text(log.read_text(encoding="utf-8").replace("session_type", "type"), encoding="utf-8")
    misnamed = shown(called(app, log, fleet, "--max-left-out", "0.9"))
    assert "warning: no line has a session_type, though the fleet has types: all sessions count as" in misnamed
    assert f"sessions by type: default ({len(recorded())}), video (0), chat (0)" in misnamed


def test_sessions_that_cannot_be_of_their_type_are_left_out(tmp_path: Path) -> None:
    sessions = recorded()
    wrong = [Session(sessions[9].start, sessions[9].end, "plain-1", "video"), sessions[9]._replace(kind="audio")]
    found = figures(tmp_path, [*sessions, *wrong], "--max-left-out", "0.5")
    assert (found["lines"]["incompatible"], found["lines"]["bad"]) == (1, 1)
    assert "unknown session_type 'audio'" in found["lines"]["bad_lines"][0]
    assert found["sessions"] == len(sessions)


def test_sessions_in_a_class_of_another_type_are_named_with_their_lines(tmp_path: Path) -> None:
    sessions = recorded()
    log = write([sessions[0]._replace(pool="plain-2", kind="video"), *sessions], tmp_path)
    first = "line 2: video on plain-2 of class plain"
    refused, told = (called(app, log, tmp_path / "fleet.yaml", "--max-left-out", most) for most in ("0", "0.5"))
    assert refused.exit_code == 2
    assert f"(1 in a class that their type may not use), more than --max-left-out 0 allows {first}" in (shown(refused))
    assert f"left out, in a class that their type may not use: {first}" in shown(told)


def test_a_fleet_without_types_ignores_the_column(tmp_path: Path) -> None:
    log = write(recorded(), tmp_path)
    plain = "\n".join(
        line for line in FLEET.splitlines() if not line.startswith(("session_types", "  video", "  chat"))
    )
    (tmp_path / "fleet.yaml").write_text(plain, encoding="utf-8")
    found = figures_of(app, tmp_path, log, tmp_path / "fleet.yaml")
    assert "refused" not in found
    assert "best_fixed_weights" in found["policies"]
