"""Chapter 9. The example files say what their first lines promise.

Each file in `examples/` is a fleet of 100 pools: three are from the paper, and three have curves that were fitted to
samples (docs/curves.md). A load of ρ sessions per pool is 100 ρ sessions.
"""

from pathlib import Path

import pytest

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimal_assignment, optimum
from slta.fleet_file import load_yaml

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> tuple[FleetSpec, list[int]]:
    file = load_yaml(EXAMPLES / name).file
    return file.to_spec(), [entry.pool_count for entry in file.classes]


def per_pool(name: str, load: float) -> list[float]:
    """Sessions on a pool of each class at the optimum."""
    spec, pools = example(name)
    best = optimum(spec.ranking, pools, 100 * load)
    columns = optimal_assignment(spec.ranking, pools, best)
    return [sum(column[1:]) / count for column, count in zip(columns, pools, strict=True)]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_has_a_hundred_pools(path: Path) -> None:
    assert sum(example(path.name)[1]) == 100


@pytest.mark.parametrize(("load", "bound", "sessions"), [(9.75, 9.1731, [8, 11.5]), (10, 9.1629, [8, 12])])
def test_paper_yaml_is_table_1(load: float, bound: float, sessions: list[float]) -> None:
    spec, pools = example("paper.yaml")
    assert optimum(spec.ranking, pools, 100 * load).utility / 100 == pytest.approx(bound, abs=5e-5)
    assert per_pool("paper.yaml", load) == sessions
    assert spec.beta.min_green(100) == 13


@pytest.mark.parametrize("k", [1, 2, 5])
def test_sharing_yaml_keeps_the_ratio_of_the_resources(k: int) -> None:
    assert per_pool("sharing.yaml", 1.75 * k) == [k, 2 * k, 3 * k]


@pytest.mark.parametrize(
    ("load", "sessions"),
    [(1.25, [0, 5, 0]), (6.25, [0, 5, 20]), (7.5, [0, 10, 20]), (12.5, [10, 10, 20]), (37.5, [60, 10, 20])],
)
def test_saturating_yaml_fills_one_class_at_a_time(load: float, sessions: list[float]) -> None:
    # No fixed weights have these ratios: 0 : 5 : 20 at one load, 10 : 10 : 20 at another.
    assert per_pool("saturating.yaml", load) == sessions


@pytest.mark.parametrize(
    ("name", "load", "sessions"),
    [
        ("gaming.yaml", 8, [6, 11]),
        ("gaming.yaml", 16, [11, 23.5]),
        ("transcoding.yaml", 10, [7.43, 16]),
        ("transcoding.yaml", 30, [22.29, 48]),
        ("inference.yaml", 2, [0, 5]),
        ("inference.yaml", 8, [3.33, 15]),
        ("inference.yaml", 16, [8, 28]),
    ],
)
def test_fitted_curves_share_out_otherwise_at_each_load(name: str, load: float, sessions: list[float]) -> None:
    # The ratio of two classes moves with the load, as no weights do: 1.8 at 8 games per pool, 2.1 at 16.
    assert per_pool(name, load) == pytest.approx(sessions, abs=0.005)
