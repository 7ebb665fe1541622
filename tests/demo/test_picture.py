"""The live picture fits the terminal, says the most important first, and breaks no word."""

from __future__ import annotations

import math

import pytest
from rich.console import Console

from slta_demo.figures import Figures
from slta_demo.fixed_weights import FixedWeights
from slta_demo.options import EXAMPLES, Options, plan
from slta_demo.picture import Picture, Series, colours
from tests.demo.test_figures import AVERAGES, PROGRESS, WARMING_UP, state_of

ADDRESSES = [f"{name} http://127.0.0.1:46383{path}" for name, path in (("live page", ""), ("metrics", "/metrics"))]
VERDICT = "SLTA loses 0.33 % of what the best placement of these sessions would be worth"
SIZES = [(width, height) for width in (60, 80, 120, 200) for height in (15, 24, 50)]


@pytest.fixture
def figures() -> Figures:
    """Fifty of sixty seconds of a load that swings."""
    the_plan = plan(Options())
    figures = Figures(the_plan, FixedWeights(the_plan.spec, the_plan.pools, 850))
    for k in range(100):
        figures.hear((PROGRESS if k > 40 else WARMING_UP) | {"elapsed_seconds": k / 2})
        sessions = round(850 + 350 * math.sin(k / 10))
        state = state_of(sessions, time=k / 2, assigned=1000 + 50 * k)
        best = figures.weights.utility(figures.plan.pools, sessions) * 1.05
        figures.see(state | {"utility_bound": best, "utility": 0.99 * best}, AVERAGES if k > 40 else None)
    return figures


def drawn(figures: Figures, width: int, height: int) -> str:
    console = Console(width=width, height=height)
    with console.capture() as capture:
        console.print(Picture(figures, ADDRESSES))
    return capture.get()


def words(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_fits_and_breaks_no_word(figures: Figures, width: int, height: int) -> None:
    shown = drawn(figures, width, height)

    assert len(shown.splitlines()) < height, "a line is the cursor's"
    assert {len(line) for line in shown.splitlines()} == {width}
    assert "…" not in shown, "nothing is cut off"
    for whole in (VERDICT, "a better placement would win", "fixed weights lose at least", ADDRESSES[0]):
        assert whole in words(shown)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_word_of_the_paper_comes_with_its_meaning(figures: Figures, width: int, height: int) -> None:
    shown = words(drawn(figures, width, height))

    meaning = "threshold: pools of the class are filled first, up to so many sessions"
    assert ("threshold" in shown) == (meaning in shown)
    assert [word for word in ("placement gap", "swing gap", "optimal rank") if word in shown] == []


def test_the_history_takes_the_width_and_the_height_that_are_left(figures: Figures) -> None:
    small, large = drawn(figures, 80, 15), drawn(figures, 200, 50)

    assert small.count("█") < 60 < large.count("█")
    assert max(map(block_columns, large.splitlines())) > 100
    tall = [line for line in large.splitlines() if "█" in line and "━" not in line]
    assert len(tall) > 5, "bars are higher than a line"


def block_columns(line: str) -> int:
    return sum(line.count(block) for block in "▁▂▃▄▅▆▇█")


def test_a_tall_and_wide_terminal_shows_everything(figures: Figures) -> None:
    shown = words(drawn(figures, 120, 50))

    for piece in ("(their utility)", "r, the estimate of how far", "assign over HTTP p50", "threshold:", "/metrics"):
        assert piece in shown


def test_before_the_first_look_there_is_a_picture_too() -> None:
    the_plan = plan(Options())
    shown = words(drawn(Figures(the_plan, FixedWeights(the_plan.spec, the_plan.pools, 850)), 80, 24))

    assert "0 of 60 s" in shown
    assert "SLTA fills the fleet." in shown


def test_when_the_arrivals_are_over_the_picture_says_why_it_stands(figures: Figures) -> None:
    assert "no more arrivals" not in words(drawn(figures, 120, 50))
    figures.hear(PROGRESS | {"is_arriving": False})
    assert "no more arrivals: the figures stand" in words(drawn(figures, 120, 50))


def test_jlmu_has_no_thresholds_to_explain() -> None:
    the_plan = plan(Options(fleet=EXAMPLES / "paper.yaml", policy="jlmu"))
    figures = Figures(the_plan, FixedWeights(the_plan.spec, the_plan.pools, 975))
    figures.hear(PROGRESS)
    figures.see(state_of(900, 30.0, 1000), AVERAGES)
    shown = words(drawn(figures, 120, 50))

    assert "the rank of the best free place" in shown
    assert "threshold" not in shown


@pytest.mark.parametrize(
    ("ours", "theirs", "styles"),
    [
        ((0.01, 0.01), (0.02, 0.02), ("bold green", "red")),
        ((0.01, 0.02), (0.02, 0.01), ("bold", "")),  # the mean counts, once there is one
        ((0.02, None), (0.01, None), ("bold", "")),
        ((0.0, 0.0), (0.0, 0.0), ("bold", "")),
        ((None, None), (0.01, None), ("bold", "")),
    ],
)
def test_the_weights_are_red_only_where_they_lose_more(
    ours: tuple[float | None, float | None], theirs: tuple[float | None, float | None], styles: tuple[str, str]
) -> None:
    assert colours(Series("ours", *ours, []), Series("theirs", *theirs, [])) == styles
