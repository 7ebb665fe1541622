"""The numbers of docs/concepts.md follow from the fleet that it shows."""

from __future__ import annotations

import re

import yaml

from slta.core.policies import Jlmu, Occupancies
from tests.docs.pages import ROOT, Page, rows
from tests.docs.tiny import FILE, LARGE, ORDINALS, SMALL, SPEC, best, named, worth
from tests.inventory import each

PAGE = Page(ROOT / "docs/concepts.md")
TEXT = " ".join(PAGE.prose.split())
GLOSSARY = Page(ROOT / "docs/glossary.md").text
OPERATED = ("agent", "monitoring", "recovery", "runbook")
PATHS = [*(ROOT / f"docs/{name}.md" for name in OPERATED), ROOT / "deploy/prometheus/source/alerts.yml"]
OF_OPERATORS = "".join(path.read_text(encoding="utf-8") for path in PATHS)


@each("name", ["README", "docs/concepts", "docs/fleet-file"])
def test_the_first_fleet_of_a_page_is_the_one_that_the_other_examples_use(name: str) -> None:
    first, *_ = Page(ROOT / f"{name}.md").blocks("yaml")
    assert yaml.safe_load(first) == FILE


def test_the_marginal_utilities_are_the_differences_of_the_curve() -> None:
    one, two, three = (f"{SPEC.classes[SMALL].utility.value(x):g}" for x in (1, 2, 3))
    assert f"One session on a small pool is worth {one}, two are worth {two}, three are worth {three}" in TEXT
    first, second, third = (f"{value:g}" for value in SPEC.ranking.marginals[SMALL])
    assert f"the first adds {first}, the second {second} and the third {third}" in TEXT


def test_the_table_of_ranks_is_the_order_of_the_fleet() -> None:
    assert rows(PAGE.section("The idea, in numbers"))[: len(SPEC.ranking)] == [
        [
            str(rank),
            f"the {ORDINALS[level - 1]} on a {SPEC.classes[i].name} pool",
            f"{SPEC.ranking.marginal_at(rank):g}",
        ]
        for rank, (i, level) in enumerate(SPEC.ranking.order, start=1)
    ]


def test_the_bound_of_seven_sessions() -> None:
    assert f"2 · 5 + 2 · 4 + 2 · 3 + 2 = {best(7).utility:g}" in TEXT
    assert best(7).utility == 2 * 5 + 2 * 4 + 2 * 3 + 2


def test_the_optimal_rank_of_seven_sessions() -> None:
    assert (best(7).rank, best(7).filled) == (4, 1)
    assert f"So {best(7).rank} is the *optimal rank* at seven sessions" in TEXT


def test_jlmu_attains_the_bound_until_a_session_ends_and_again_with_the_next_one() -> None:
    policy = Jlmu(Occupancies(SPEC.ranking, [[0, 0], [0, 0]]))
    for sessions in range(1, 8):
        policy.assign(draw=0.0)
        assert worth(policy.occupancies.columns) == best(sessions).utility
    assert policy.occupancies.columns == [[2, 1], [2, 2]]
    policy.complete(SMALL, 1)
    left, possible = worth(policy.occupancies.columns), best(6).utility
    assert f"the other six are worth {left:g}, and {possible:g} would be possible" in TEXT
    decision = policy.assign(draw=0.0)
    assert decision
    assert named(decision.pool_class, [decision.pool]) == ["small-2"]
    assert (SPEC.ranking.coordinate(2), worth(policy.occupancies.columns)) == ((SMALL, 1), 26)
    assert "places the next session there, at rank 2, and the seven are worth 26 again" in TEXT


def test_the_placement_gap_of_seven_sessions_elsewhere() -> None:
    pools = ((SMALL, 2), (SMALL, 2), (LARGE, 2), (LARGE, 1))
    terms = " + ".join(f"{SPEC.classes[i].utility.value(x):g}" for i, x in pools)
    elsewhere = worth([[2, 2], [2, 1]])
    assert f"They are worth {terms} = {elsewhere:g}. The missing {best(7).utility - elsewhere:g} is" in TEXT


def test_the_swing_gap_between_five_and_nine_sessions() -> None:
    five, seven, nine = (best(sessions).utility for sessions in (5, 7, 9))
    mean = (five + nine) / 2
    assert f"They are worth {five:g} and {nine:g}, which is {mean:g} on average" in TEXT
    assert f"A constant seven would be worth {seven:g}. The missing {seven - mean:g} is" in TEXT


TERMS = """
    dispatcher, tick, fleet time, epoch, suspect, adopt, restore, guard, unconfirmed, gone, holding time, lease, late,
    session type, placement gap, worth, threshold, token, shard, slot, repair, set aside, audit, finding,
    shed, scrape, follower, agent, event
"""


@each("term", re.split(r",\s+", TERMS.strip()))
def test_the_glossary_has_each_term_of_alerts_and_operators_pages(term: str) -> None:
    assert term in OF_OPERATORS, "it is no longer used"
    assert re.search(rf"\b{term}", GLOSSARY)
