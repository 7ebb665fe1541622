"""The numbers of README.md follow from the fleet that it shows, as the specification places sessions on it."""

from __future__ import annotations

import json
from decimal import Decimal

import yaml

from service.core.optimum import optimum
from service.core.policies import Occupancies, Slta
from service.core.policies.slta import Beta
from service.fleet_file import FleetFile
from tests.docs.pages import ROOT, Page, rows
from tests.in_process import TINY

README = Page(ROOT / "README.md")
IDEA = README.section("The idea, in numbers")
TEXT = " ".join(IDEA.split())

SPEC = FleetFile.read(json.loads(json.dumps(TINY), parse_float=Decimal)).to_spec()
SMALL, LARGE = 0, 1
POOLS = [2, 2]
ORDINALS = ("first", "second", "third", "fourth")


def worth(*sessions: tuple[int, int]) -> float:
    """What pools are worth together, each a class and the sessions that it holds."""
    return sum(SPEC.classes[pool_class].utility.value(held) for pool_class, held in sessions)


def best(sessions: int) -> float:
    found = optimum(SPEC.ranking, POOLS, sessions)
    assert found
    return found.utility


def test_the_fleet_of_the_page_is_the_one_that_the_other_examples_use() -> None:
    assert yaml.safe_load(README.blocks("yaml")[0]) == {"fleet": "tiny", "policy": "slta"} | TINY


def test_the_marginal_utilities_are_the_differences_of_the_curve() -> None:
    small = [f"{value:g}" for value in SPEC.ranking.marginals[SMALL]]
    assert f"the first adds {small[0]}, the second {small[1]} and the third {small[2]}" in TEXT


def test_the_table_of_ranks_is_the_order_of_the_fleet() -> None:
    expected = [
        [
            str(rank),
            f"the {ORDINALS[level - 1]} on a {SPEC.classes[i].name} pool",
            f"{SPEC.ranking.marginal_at(rank):g}",
        ]
        for rank, (i, level) in enumerate(SPEC.ranking.order, start=1)
    ]
    assert rows(IDEA)[: len(expected)] == expected


def test_the_bound_of_seven_sessions() -> None:
    assert f"2 · 5 + 2 · 4 + 2 · 3 + 2 = {best(7):g}" in TEXT
    assert best(7) == 2 * 5 + 2 * 4 + 2 * 3 + 2


def test_the_placement_gap_of_seven_sessions_elsewhere() -> None:
    elsewhere = [(SMALL, 2), (SMALL, 2), (LARGE, 2), (LARGE, 1)]
    terms = " + ".join(f"{worth(pool):g}" for pool in elsewhere)
    assert f"They are worth {terms} = {worth(*elsewhere):g}. The missing {best(7) - worth(*elsewhere):g} is" in TEXT


def test_the_swing_gap_between_five_and_nine_sessions() -> None:
    mean = (best(5) + best(9)) / 2
    assert f"They are worth {best(5):g} and {best(9):g}, which is {mean:g} on average" in TEXT
    assert f"all the time would be worth {best(7):g}. The missing {best(7) - mean:g} is" in TEXT


def test_the_thresholds_at_rank_4() -> None:
    coordinate = SPEC.ranking.coordinate(4)
    assert (SPEC.classes[coordinate.pool_class].name, coordinate.level) == ("small", 2)
    small, large = SPEC.ranking.thresholds(4)
    assert f"These numbers, {small} and {large}, are the *thresholds*" in TEXT


def named(pool_class: int, pools: list[int]) -> list[str]:
    return [f"{SPEC.classes[pool_class].name}-{pool + 1}" for pool in pools]


def test_the_story_of_tokens_is_what_slta_does() -> None:
    policy = Slta(Occupancies(SPEC.ranking, [[0, 0], [0, 0]]), Beta())
    for _ in range(6):
        policy.assign(draw=0.0)
    policy.complete(LARGE, 1)
    assert (policy.occupancies.columns, policy.rank) == ([[1, 1], [2, 1]], 4)

    story = rows(IDEA)[len(SPEC.ranking) :]
    for step, (_, green, yellow, goes_to, rank) in enumerate(story):
        if step == 3:
            for pool in ((SMALL, 0), (SMALL, 1), (LARGE, 0)):
                policy.complete(*pool)
        greens, yellows = policy.tokens()
        assert green == (", ".join(named(SMALL, greens[SMALL]) + named(LARGE, greens[LARGE])) or "none")
        assert yellow == ", ".join(named(policy.estimate.pool_class, yellows))
        decision = policy.assign(draw=0.0)
        assert decision
        assert goes_to.startswith(named(decision.pool_class, [decision.pool])[0])
        assert int(rank) == decision.rank
    assert len(story) == 4


def test_how_many_green_tokens_are_enough() -> None:
    assert f"Enough are {Beta().min_green(4)} of 4 pools, or {Beta().min_green(100)} of 100" in TEXT


def test_what_weights_lose_is_what_the_experiment_found() -> None:
    sweep = json.loads((ROOT / "docs/results/policies.json").read_text(encoding="utf-8"))["sweep"]
    lost = {(row["policy"], row["load"]): 100 * row["placement_gap_mean"] / row["bound"] for row in sweep}
    weights = [f"{lost['tuned weights', load]:.0f} %" for load in (8.0, 12.0)]
    of_slta = max(percent for (policy, _), percent in lost.items() if policy == "SLTA")
    claim = f"lose {weights[0]} of the utility at 8 and {weights[1]} at 12. SLTA loses at most {of_slta:.1f} %"
    assert claim in " ".join(README.prose.split())
