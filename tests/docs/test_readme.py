"""The numbers of README.md follow from the fleet that it shows, as the specification places sessions on it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import yaml

from service.core.optimum import optimum
from service.core.policies import POLICIES, Occupancies, Slta
from service.core.policies.slta import TOKENS, choose
from service.core.policies.tokens import Beta
from service.errors import InvalidFleet
from service.fleet_file import FleetFile
from service.reading.fields import LONGEST_LEASE_SECONDS, LONGEST_RETENTION_SECONDS, SHORTEST_LEASE_SECONDS
from tests.docs.pages import ROOT, Page, rows, words
from tests.in_process import TINY

README = Page(ROOT / "README.md")
IDEA = README.section("The idea, in numbers")
TEXT = " ".join(IDEA.split())
FILE = README.section("A fleet file")

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


def test_the_optimal_rank_of_seven_sessions() -> None:
    found = optimum(SPEC.ranking, POOLS, 7)
    assert found
    assert (found.rank, found.filled) == (4, 1)
    assert f"So {found.rank} is the *optimal rank* at seven sessions" in TEXT


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
        if step == 3:
            (both,) = set(green.split(", ")) & set(yellow.split(", "))
            assert f"both thresholds are 2, and in the last row {both} has both tokens" in TEXT
    assert len(story) == 4
    assert SPEC.ranking.thresholds(5) == (2, 2)
    assert SPEC.ranking.coordinate(4).pool_class == SMALL


def test_without_any_token_a_session_goes_to_any_pool_that_has_room() -> None:
    # No green token, no yellow one, and room on the two large pools only: of these the draw takes number ⌊0.75 · 2⌋.
    choice = choose([0, 0], 0, SMALL, LARGE, room=[0, 2], draw=0.75)
    assert (TOKENS[choice.token], named(choice.pool_class, [choice.index])) == ("none", ["large-2"])
    assert "If no pool has any token, it goes to any pool that has room" in TEXT


def test_how_many_green_tokens_are_enough() -> None:
    _, power = Beta().coefficient_and_power()
    enough = [Beta().min_green(pools) for pools in (1, 4, 100)]
    claim = f"Of n pools n^{power:g} are enough, rounded up, but {enough[0]} at least"
    assert f"{claim}: {enough[1]} of 4 pools, {enough[2]} of 100" in TEXT


def fleet_file(**fields: Any) -> FleetFile:
    return FleetFile.read(
        {"classes": [{"name": "c", "utility": {"kind": "linear", "slope": 1}, "capacity": 5}], **fields}
    )


def test_the_fields_that_may_be_left_out_have_the_defaults_of_the_table() -> None:
    defaults = json.loads(fleet_file().document())
    del defaults["classes"]
    table = [cells for cells in rows(FILE) if len(cells) == 4 and words(cells[0])[0] in defaults]
    assert {words(field)[0]: yaml.safe_load(words(default)[0]) for field, default, *_ in table} == defaults
    assert fleet_file().classes[0].pools == 0


def test_the_ranges_of_the_table_are_those_of_a_file() -> None:
    policy, beta, lease, retention = (cells[2] for cells in rows(FILE)[:4])
    assert words(policy) == list(POLICIES)
    assert (beta, retention) == (
        "`{exponent: γ}`, 0 ≤ γ ≤ 1, or `{fixed: β}`, 0 < β ≤ 1",
        f"1 to {LONGEST_RETENTION_SECONDS} (a week)",
    )
    assert lease == f"0 for no end, or {SHORTEST_LEASE_SECONDS} to {LONGEST_LEASE_SECONDS} (ten years)"
    for accepted in ({"exponent": 0}, {"exponent": 1}, {"fixed": 1}):
        assert fleet_file(beta=accepted)
    assert fleet_file(retention_seconds=1)
    for beyond in ({"exponent": -1}, {"exponent": 2}, {"fixed": 0}, {"fixed": 2}):
        with pytest.raises(InvalidFleet):
            fleet_file(beta=beyond)
    with pytest.raises(InvalidFleet):
        fleet_file(retention_seconds=0)


@pytest.mark.parametrize(
    ("curve", "capacity", "concave"),
    [
        ({"kind": "capped_linear", "slope": -1, "cap": 5}, 5, True),
        ({"kind": "capped_linear", "slope": -1, "cap": 4}, 5, False),
        ({"kind": "quadratic", "linear": 1, "quadratic": 1}, 1, True),
        ({"kind": "quadratic", "linear": 1, "quadratic": 1}, 2, False),
    ],
)
def test_a_sign_outside_of_a_curves_range_passes_where_the_curve_is_concave(
    curve: dict[str, Any], capacity: int, *, concave: bool
) -> None:
    file = FleetFile.read({"classes": [{"name": "c", "utility": curve, "capacity": capacity}]})
    if concave:
        assert file.to_spec()
    else:
        with pytest.raises(InvalidFleet):
            file.to_spec()


def test_what_weights_lose_is_what_the_experiment_found() -> None:
    sweep = json.loads((ROOT / "docs/results/policies.json").read_text(encoding="utf-8"))["sweep"]
    lost = {(row["policy"], row["load"]): 100 * row["placement_gap_mean"] / row["bound"] for row in sweep}
    weights = [f"{lost['tuned weights', load]:.0f} %" for load in (8.0, 12.0)]
    of_slta = max(percent for (policy, _), percent in lost.items() if policy == "SLTA")
    claim = f"lose {weights[0]} of the utility at 8 and {weights[1]} at 12. SLTA loses at most {of_slta:.1f} %"
    assert claim in " ".join(README.prose.split())
