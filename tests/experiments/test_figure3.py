"""What section 2.3.1 says about figure 3."""

from __future__ import annotations

from slta_experiments.fleets import FIGURE_3_LEFT, FIGURE_3_RIGHT
from slta_experiments.studies.figure3 import LOADS, occupancies, study
from tests.inventory import each


@each("load", LOADS[1:])
def test_left_the_occupancies_keep_their_ratios_up_to_rounding(load: float) -> None:
    # "server pools with roughly r(i)/c(r, ρ) tasks": one c serves all classes, to within one task.
    lows, highs = [], []
    for resource, parts in zip((5, 10, 15), occupancies(FIGURE_3_LEFT, load), strict=True):
        levels = [x for _, x in parts]
        lows.append((max(levels) - 1) / resource)
        highs.append((min(levels) + 1) / resource)
    assert max(lows) < min(highs)


@each("multiple", range(1, 6))
def test_left_at_some_loads_all_pools_hold_exactly_their_share(multiple: int) -> None:
    # x = (1, 2, 3) · k on α = (1/2, 1/4, 1/4): ρ = 1.75 k.
    parts = occupancies(FIGURE_3_LEFT, 1.75 * multiple)
    assert [p[0][1] for p in parts] == [multiple, 2 * multiple, 3 * multiple]
    assert [p for p in parts if len(p) != 1] == []


def grown(first: float, second: float) -> list[float]:
    before, after = FIGURE_3_RIGHT.mean_occupancies(first), FIGURE_3_RIGHT.mean_occupancies(second)
    return [round(b - a, 12) for a, b in zip(before, after, strict=True)]


def test_right_from_0_to_1_25_only_class_2_grows() -> None:
    assert grown(0, 1.25) == [0, 5, 0]
    assert FIGURE_3_RIGHT.mean_occupancies(0.7)[0] == FIGURE_3_RIGHT.mean_occupancies(0.7)[2] == 0


def test_right_from_1_25_to_6_25_only_class_3_grows_and_passes_class_2() -> None:
    assert grown(1.25, 6.25) == [0, 0, 20]
    assert FIGURE_3_RIGHT.mean_occupancies(2.4)[2] < 5 < FIGURE_3_RIGHT.mean_occupancies(2.6)[2]


def test_right_beyond_7_5_only_class_1_grows() -> None:
    assert grown(6.25, 7.5) == [0, 5, 0]
    assert grown(7.5, 12) == [9, 0, 0]


def test_the_study_draws_both_plots() -> None:
    report = study()
    assert [p["plot"] for p in report.data["plots"]] == ["figure 3, left", "figure 3, right"]
    assert set(report.figures) == {"figure3"}
