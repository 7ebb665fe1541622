"""Pools that a log never names, and pools that come and go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slta.core.optimum import optimum, utility_bound
from slta.fleet_file import compile_spec, load_yaml
from slta_planning.evaluate.active_pools import Unseen, active_pools_of
from slta_planning.evaluate.command import app
from slta_planning.evaluate.picture import lost_of
from slta_planning.evaluate.pool_numbers import PoolNumbers
from slta_planning.evaluate.reading import Selection, read_log
from slta_planning.evaluate.replay import RECORDED, evaluate
from slta_planning.evaluate.trajectory import Placement, Sessions, trajectory_of
from slta_planning.evaluate.window import window_of
from slta_planning.simulation import SIMULATED, order_of
from tests.planning.commands import called, figures_of, shown
from tests.planning.recorded import FLEET, POOLS, Session, least_connections, means, write_csv

DOUBLE = FLEET.replace("pools: 6", "pools: 12").replace("pools: 3", "pools: 6")
SECONDS = 3000
AUTOSCALED = [(0, 40, "linear-1"), (10, 30, "linear-2"), (15, 20, "linear-1"), (100, 60, "linear-1")]
AUTOSCALED += [(110, 60, "saturating-3"), (112, 5, "quadratic-2"), (130, 20, "linear-1"), (210, 1, "linear-1")]
"""Start, duration and pool. Of 12 pools four are used, three of them for a while."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of twelve pools, and a fleet file with these and twelve more."""
    folder = tmp_path_factory.mktemp("active-pools")
    write_csv(least_connections(SECONDS), folder / "log.csv")
    for name, text in (("fleet", FLEET), ("double", DOUBLE), ("auto", FLEET)):
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    rows = [f"{start},{duration},{pool}" for start, duration, pool in AUTOSCALED]
    (folder / "auto.csv").write_text("\n".join(["start_s,duration_s,pool", *rows]), encoding="utf-8")
    return folder


def figures(folder: Path, fleet: str, *options: str, log: str = "log.csv") -> Any:
    return figures_of(app, folder, folder / log, folder / fleet, *options)


def text_of(folder: Path, fleet: str, *options: str) -> str:
    return shown(called(app, folder / "log.csv", folder / fleet, *options))


def test_half_of_the_pools_unseen_are_refused_with_the_choices(folder: Path) -> None:
    result = called(app, folder / "log.csv", folder / "double.yaml")
    assert result.exit_code == 2
    assert max(map(len, result.output.splitlines())) <= 80
    assert "12 of 24 pools of the fleet file, 50.00 % of its capacity, have no session in the log" in shown(result)
    assert [rule for rule in Unseen if f"--unseen {rule.value}" not in result.output] == []


def test_kept_pools_show_what_the_balancer_lost_on_them(folder: Path) -> None:
    right, kept = figures(folder, "fleet.yaml"), figures(folder, "double.yaml", "--unseen", "keep")
    assert kept["unseen"] == {"pools": 12, "share_of_capacity": 0.5, "rule": "keep"}
    assert kept["recorded"]["utility"] == pytest.approx(right["recorded"]["utility"])
    assert kept["bound"] > right["bound"]
    assert kept["recorded"]["relative_placement_gap"] > 1.2 * right["recorded"]["relative_placement_gap"]


def test_dropped_pools_are_as_if_the_file_had_none_of_them(folder: Path) -> None:
    right, dropped = figures(folder, "fleet.yaml"), figures(folder, "double.yaml", "--unseen", "drop")
    same = ("bound", "recorded", "policies", "pools", "mean_pools", "hours")
    assert {name: dropped[name] for name in same} == {name: right[name] for name in same}
    assert dropped["unseen"] == {"pools": 12, "share_of_capacity": 0.5, "rule": "drop"}


@pytest.mark.parametrize("rule", ["drop", "active"])
def test_a_balancer_that_uses_half_of_its_pools_does_not_look_good_without_a_word(folder: Path, rule: str) -> None:
    text = text_of(folder, "double.yaml", "--unseen", rule)
    assert "12 pools of the fleet file (50.00 % of its capacity) without a session: left out" in text
    assert "Pools that stood empty are not held against the balancer" in text
    assert "not held against" not in text_of(folder, "double.yaml", "--unseen", "keep")


def test_a_tenth_of_the_capacity_is_kept_and_told(folder: Path) -> None:
    (folder / "tenth.yaml").write_text(FLEET.replace("pools: 6", "pools: 7"), encoding="utf-8")
    text = text_of(folder, "tenth.yaml")
    assert "1 pool of the fleet file (9.09 % of its capacity) without a session: counted as empty" in text
    assert "without a session" not in text_of(folder, "fleet.yaml")


# Pools that come and go


def active_at(time: float) -> list[str]:
    """By definition, from the log alone."""
    mean = sum(duration for _, duration, _ in AUTOSCALED) / len(AUTOSCALED)
    stays = {pool: [(s, s + d) for s, d, of in AUTOSCALED if of == pool] for _, _, pool in AUTOSCALED}
    return [
        pool
        for pool, held in stays.items()
        if min(start for start, _ in held) - mean <= time < max(end for _, end in held) + mean
    ]


def by_class(pools: Sequence[str]) -> list[int]:
    return [sum(pool.startswith(name) for pool in pools) for name in ("linear", "quadratic", "saturating")]


def test_pools_that_come_and_go_are_measured_by_definition(folder: Path) -> None:
    data = figures(folder, "auto.yaml", "--unseen", "active", "--warm-up", "5", log="auto.csv")
    spec = compile_spec(load_yaml(folder / "auto.yaml").file)
    begin, end, step = 5.0, 210.0, 0.125  # all events are at such times
    times = np.arange(begin, end, step) + step / 2
    alive = [sum(start <= t < start + duration for start, duration, _ in AUTOSCALED) for t in times]
    pools = [by_class(active_at(t)) for t in times]
    best = [optimum(spec.ranking, a, n) for a, n in zip(pools, alive, strict=True)]
    mean_pools = np.mean(pools, axis=0)
    bound = utility_bound(spec.ranking, mean_pools / mean_pools.sum(), np.mean(alive) / mean_pools.sum())
    sessions = [Session(start, start + duration, pool) for start, duration, pool in AUTOSCALED]
    seen = means(spec, POOLS, sessions, begin, end)
    assert data["recorded"]["utility"] == pytest.approx(seen.utility)
    assert data["mean_sessions"] == pytest.approx(seen.sessions)
    assert data["mean_pools"] == pytest.approx(mean_pools.sum(), rel=1e-3)
    assert data["recorded"]["utility_optimum"] == pytest.approx(np.mean([one.utility for one in best]), rel=1e-3)
    assert data["bound"] == pytest.approx(bound * mean_pools.sum(), rel=1e-3)
    assert data["pools"] == {"linear": 2, "quadratic": 1, "saturating": 1}


@pytest.mark.parametrize("policy", SIMULATED.values(), ids=lambda policy: policy.name)
def test_no_session_ends_on_a_pool_that_is_not_there(folder: Path, policy: Any) -> None:
    spec = compile_spec(load_yaml(folder / "auto.yaml").file)
    log = read_log(folder / "auto.csv", Selection(None, UTC), PoolNumbers(POOLS))
    window = window_of(log, 0.0, None)
    active = active_pools_of(spec, log, window, Unseen.ACTIVE)
    placement = Placement(
        policy.title, lambda shape: order_of(shape, spec, policy.title), lambda _, ids: np.full(len(ids), 0.9)
    )
    trajectory = trajectory_of(spec, active, Sessions(log.starts, log.ends, log.kinds), placement, [0.0, window.end])
    assert len({epoch.shape.shares for epoch in active.epochs}) > 2
    for start, end, pool in zip(log.starts, log.ends, trajectory.pools, strict=True):
        last = next((e for e in active.epochs if e.begin < end <= e.end), active.epochs[-1])
        assert start >= window.end or pool in last.pools


def test_the_figure_is_in_per_cent_of_the_window_s_bound(folder: Path) -> None:
    spec = compile_spec(load_yaml(folder / "fleet.yaml").file)
    log = read_log(folder / "log.csv", Selection(None, UTC), PoolNumbers(POOLS))
    window = window_of(log, None, None)
    found = evaluate(spec, log, window, active_pools_of(spec, log, window, None))
    whole = found.over(RECORDED, window.begin, window.end)
    assert np.mean(lost_of(found, RECORDED)) == pytest.approx(100 * whole.relative(whole.placement_gap))


def test_the_progress_ends_at_its_total(folder: Path) -> None:
    spec = compile_spec(load_yaml(folder / "auto.yaml").file)
    log = read_log(folder / "auto.csv", Selection(None, UTC), PoolNumbers(POOLS))
    window, told = window_of(log, 0.0, None), list[tuple[int, int]]()
    evaluate(spec, log, window, active_pools_of(spec, log, window, Unseen.DROP), lambda *runs: told.append(runs))
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))
