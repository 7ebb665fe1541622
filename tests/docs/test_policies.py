"""The figures of docs/policies.md and docs/results.md are those of the studies, and the example is what SLTA does."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from lab.studies.session_types_page import MANY, markdown, own, refused
from lab.studies.which import LINES
from slta.core.fleet import RESERVE
from slta.core.policies import POLICIES, Occupancies, Slta
from slta.core.policies.auto import recommended
from slta.core.policies.slta import TOKENS, choose
from slta.core.policies.tokens import Beta
from slta.core.session_types import prices
from slta.core.session_types.market import Load, market_of
from slta.core.session_types.sets import TypeSets
from tests.docs.pages import ROOT, Page, rows
from tests.docs.tiny import LARGE, ORDINALS, SMALL, SPEC, named

PAGE = Page(ROOT / "docs/policies.md")
TEXT = " ".join(
    word for name in ("policies", "results", "concepts") for word in Page(ROOT / f"docs/{name}.md").prose.split()
)
EXAMPLE = PAGE.section("SLTA, in numbers")

STUDY: list[dict[str, Any]] = json.loads((ROOT / "lab/studies/results/which.json").read_text(encoding="utf-8"))["rows"]

# The study


def gap(row: dict[str, Any], line: str) -> float:
    """In percent of the bound."""
    return float(row[line]["gap"])


def is_steady(row: dict[str, Any]) -> bool:
    return "sine" not in row["load"]


def is_of_two_classes(row: dict[str, Any]) -> bool:
    return bool(row["fleet"] == "table 1")


def test_what_slta_costs_beside_jlmu_follows_from_the_study() -> None:
    def cost(sizes: tuple[int, int], *, two: bool) -> str:
        found = [
            gap(row, "SLTA") - gap(row, "JLMU") for row in STUDY if row["n"] in sizes and is_of_two_classes(row) == two
        ]
        low, high = f"{min(found):.2f}", f"{max(found):.2f}"
        return low if low == high else f"{low} to {high}"

    sizes = ((4, 6), (20, 24), (100, 102), (1000, 1002))
    assert rows(PAGE.section("Why SLTA is the default")) == [
        [f"{few:,} or {more:,}", cost((few, more), two=True), cost((few, more), two=False)] for few, more in sizes
    ]
    worst = max(gap(row, "SLTA") / gap(row, "JLMU") for row in STUDY if not is_of_two_classes(row))
    assert f"SLTA's gap is up to {worst:.1f} times JLMU's" in TEXT


def test_what_the_advice_says_of_two_classes_follows_from_the_study() -> None:
    two = [row for row in STUDY if is_of_two_classes(row)]
    gained = max(gap(row, "SLTA") - gap(row, line) for row in two if row["n"] >= 20 for line in LINES)
    assert gained < 0.01
    assert "no policy gains more than 0.01 % of the bound" in TEXT
    smaller = [gap(row, "JLMU") / gap(row, "SLTA") for row in two if row["n"] == 4]
    assert smaller == pytest.approx([2 / 3] * 2, abs=0.02)
    assert "with four pools its gap is a third smaller" in TEXT


def test_what_auto_chooses_follows_from_the_study() -> None:
    for row in STUDY:
        classes = 2 if is_of_two_classes(row) else 3
        name = recommended(classes, row["n"], "", needs_levels=False)
        least = min(gap(row, line) for line in ("SLTA", "SLTA-greedy", "JLMU"))
        assert gap(row, POLICIES[name].title) - least < (0.01 if classes == 2 else 0.003)
        if name == "slta":
            assert abs(gap(row, "SLTA") - gap(row, "SLTA-greedy")) < 0.0005


def test_how_near_slta_greedy_is_to_jlmu_follows_from_the_study() -> None:
    assert max(abs(gap(row, "SLTA-greedy") - gap(row, "JLMU")) for row in STUDY if row["n"] >= 20) < 0.02
    assert "from 20 pools on, both gaps differ by less than 0.02 % of the bound" in TEXT


def test_the_standard_errors_are_as_small_as_the_page_says() -> None:
    def error(row: dict[str, Any]) -> float:
        return max(100 * float(row[line]["gap_se"]) / gap(row, line) for line in LINES)

    largest = [row for row in STUDY if is_of_two_classes(row) and row["n"] == 1000]
    rest = math.ceil(10 * max(error(row) for row in STUDY if row not in largest)) / 10
    assert f"at most {rest} % of a figure, and {max(map(error, largest)):.0f} % for two classes with 1,000" in TEXT


def test_the_gap_falls_with_the_number_of_pools_as_the_page_says() -> None:
    def factors(*, steady: bool) -> Iterator[float]:
        for fleet in {row["fleet"] for row in STUDY}:
            of_fleet = [row for row in STUDY if row["fleet"] == fleet and is_steady(row) == steady]
            for line in LINES:
                assert all(gap(more, line) < gap(fewer, line) for fewer, more in pairwise(of_fleet))
                yield gap(of_fleet[1], line) / gap(of_fleet[-1], line)

    assert min(factors(steady=True)) >= 15
    assert min(factors(steady=False)) >= 5
    assert "by a factor of at least 15 at a steady load and 5 at a changing one" in TEXT


def test_the_largest_gaps_are_those_that_the_page_names() -> None:
    def span(sizes: tuple[int, int], *, steady: bool | None = None) -> list[float]:
        chosen = [row for row in STUDY if row["n"] in sizes and steady in (None, is_steady(row))]
        return [gap(row, line) for row in chosen for line in LINES]

    most = [f"{max(span((1000, 1002), steady=steady)):.2f} %" for steady in (True, False)]
    assert f"With 1,000 pools it is at most {most[0]} of the bound at a steady load and {most[1]}" in TEXT
    few, more = span((4, 6)), span((20, 24))
    assert f"With 4 or 6 pools it is {min(few):.1f} to {max(few):.1f} %, with some 20 pools {min(more):.2f} to" in TEXT


def test_at_a_changing_load_jlmu_is_not_far_ahead() -> None:
    changing = [row for row in STUDY if not is_steady(row) and row["n"] >= 20]
    assert all(gap(row, "JLMU") > gap(row, other) / 2 for row in changing for other in ("SLTA", "SLTA-greedy"))
    assert "JLMU's gap at a changing load is more than half of any other policy's" in TEXT


def test_what_kink_removes_follows_from_the_study() -> None:
    both = [(line, f"{line}, kink") for line in ("SLTA-greedy", "JLMU")]
    untied = [row for row in STUDY if row["fleet"] != "six capped classes"]
    assert all(row[paper] == row[kink] for row in untied for paper, kink in both)
    tied = [row for row in STUDY if row["fleet"] == "six capped classes" and not is_steady(row) and row["n"] <= 102]
    removed = [100 * (1 - gap(row, kink) / gap(row, paper)) for row in tied for paper, kink in both]
    assert f"it removes {min(removed):.0f} to {max(removed):.0f} % of the gap at a changing load" in TEXT


# Session types


def test_the_prices_of_the_example_are_those_of_the_rule() -> None:
    sets, marginals = TypeSets(((0, 1), (0,), (0, 1))), [[1500] * 12, [500] * 12]
    ranks = [range(1, 13), range(13, 25)]
    shown = []
    kept = [0.5 * min(1 + math.sqrt(91), math.sqrt(8 * 91 * mine / (1.5 - mine))) for mine in (0.5, 0.02)]
    assert f"0.5 (1 + √91) = {kept[0]:.1f} places are kept" in TEXT
    assert f"a session added 0.02 on a small pool, {kept[1]:.1f} places would be kept" in TEXT
    for holes in (6, 5, 2):
        inside = [[0, 0], [90, 0], [30 - holes, 0]]
        load = Load(pools=[10, 10], sessions=list(map(sum, inside)), held=[120 - holes, 0], inside=inside)
        market = market_of(sets, ranks, [11, 0], marginals, load, RESERVE)
        price = prices.quote(market, 2, 0)
        assert (prices.needy_types(market, 2, 0), price.needy, price.room, price.holes) == ([1], 90, 120, holes)
        goes = ("a GPU pool", "a small pool: kept")[prices.choose(market, 2)[0]]
        figures = (prices.chance(90, 120, holes), price.amount / 1000, 1.5 - price.amount / 1000, 0.5)
        shown.append([str(holes), *(f"{figure:.2f}" for figure in figures), goes])
    assert rows(PAGE.section("Session types")) == shown


TYPES: dict[str, Any] = json.loads((ROOT / "lab/studies/results/session-types.json").read_text(encoding="utf-8"))


def test_what_prices_gain_is_what_the_study_found() -> None:
    found = {tuple(cells[:2]): cells for cells in rows(markdown(TYPES))}
    for fleet in ("log", "capped", "full"):
        _, _, _, _, price, *_ = found[fleet, "1,000"]
        assert f"to {price} % |" in TEXT
    gains = [row["lines"]["price"]["gain"][0] for row in own(TYPES["rows"], "random")]
    assert f"gain {max(gains):.1f} % of the utility at best and lose {-min(gains):.2f} at worst" in TEXT


def test_what_the_reserve_costs_at_worst_is_what_the_study_found() -> None:
    searched = own(TYPES["rows"], "searched")
    alone, both = (max(-row["lines"][line]["gain"][0] for row in searched) for line in ("no reserve", "price"))
    assert f"prices lose up to {alone:.1f} %, and {both:.1f} with the reserve" in TEXT
    spared = [row for row in searched if row["group"].startswith("first reserve") and row["times"] == 1]
    (without, _), (with_it, _) = refused(spared, "no reserve"), refused(spared, "price")
    assert f"refuse {with_it:.0f} % of the type that JLMU refuses most, prices alone {without:.0f}." in TEXT


def test_what_is_refused_of_a_rare_type_is_what_the_study_found() -> None:
    rare = [row for row in own(TYPES["rows"], "adversarial") if row["group"] == "rare"]
    few, many = ([row for row in rare if (row["n"] > MANY) == large] for large in (False, True))
    shares = [refused(some, line)[0] for line in ("JLMU", "no reserve", "price") for some in (few, many)]
    told = "JLMU refuses {:.0f} % with 24 pools and {:.0f} with 200, prices alone {:.0f} and {:.0f}"
    assert f"{told}, with the reserve {{:.0f}} and {{:.0f}}".format(*shares) in TEXT


def test_what_other_reserves_refuse_and_earn_is_what_the_study_found() -> None:
    (planned,) = own(TYPES["rows"], "planned")
    found = {line: (planned["n"] * at["utility"], at["refused"][0]) for line, at in planned["lines"].items()}
    (half, one, more), jlmu = (found[f"ρ = {reserve}"] for reserve in ("0.5", "1", "1.5")), found["JLMU"]
    assert f"ρ = 0.5 refuses {half[1]:.1f} % of the type with one class, 1 refuses {one[1]:.1f}, 1.5" in TEXT
    earned = f"for a utility of {half[0]:.1f}, {one[0]:.1f} and {more[0]:.1f}; JLMU has {jlmu[0]:.1f}"
    assert f"{more[1]:.2f}, {earned} and refuses {jlmu[1]:.0f} %" in TEXT


# SLTA by example


def test_the_thresholds_at_rank_4() -> None:
    pool_class, level = SPEC.ranking.coordinate(4)
    assert f"Let r be 4, the {ORDINALS[level - 1]} session on a {SPEC.classes[pool_class].name} pool" in TEXT
    small, large = SPEC.ranking.thresholds(4)
    assert f"the thresholds are {small} for the small class and {large} for the large one" in TEXT


def slta_at_rank_4() -> Slta:
    """Six sessions came, and one on large-2 ended."""
    policy = Slta(Occupancies(SPEC.ranking, [[0, 0], [0, 0]]), Beta())
    for _ in range(6):
        policy.assign(draw=0.0)
    policy.complete(LARGE, 1)
    assert (policy.occupancies.columns, policy.rank) == ([[1, 1], [2, 1]], 4)
    return policy


def shown(pools: list[str]) -> str:
    return ", ".join(pools) or "none"


def test_the_example_is_what_slta_does() -> None:
    policy, steps = slta_at_rank_4(), []
    for departures in ((), (), (), ((SMALL, 0), (SMALL, 1), (LARGE, 0))):
        for departure in departures:
            policy.complete(*departure)
        green, yellow = policy.tokens()
        cells = [shown(named(SMALL, green[SMALL]) + named(LARGE, green[LARGE]))]
        cells.append(shown(named(policy.estimate.pool_class, yellow)))
        decision = policy.assign(draw=0.0)
        assert decision
        steps.append([*cells, *named(decision.pool_class, [decision.pool]), str(decision.rank)])
    table = [[green, yellow, re.split("[: ]", to)[0], rank] for _, green, yellow, to, rank in rows(EXAMPLE)]
    assert table == steps


def test_why_the_last_session_of_the_example_goes_to_a_large_pool() -> None:
    assert SPEC.ranking.thresholds(5) == (2, 2)
    assert SPEC.ranking.coordinate(4).pool_class == SMALL
    assert "r is 5, the third session on a large pool, so both thresholds are 2. In the last row large-1 has" in TEXT


def test_without_any_token_a_session_goes_to_any_pool_that_has_room() -> None:
    # No green token, no yellow one, and room on the two large pools only: of these the draw takes number ⌊0.75 · 2⌋.
    choice = choose([0, 0], 0, SMALL, LARGE, room=[0, 2], draw=0.75)
    assert (TOKENS[choice.token], named(choice.pool_class, [choice.index])) == ("none", ["large-2"])
    assert "if no pool has a token, to any pool that has room" in TEXT


def test_how_many_green_tokens_are_enough() -> None:
    _, power = Beta().coefficient_and_power()
    least, of_4, of_100 = (Beta().min_green(pools) for pools in (1, 4, 100))
    assert f"Of n pools n^{power:g} are enough, rounded up, but {least} at least: {of_4} of 4 pools" in TEXT
    assert f"{of_100} of 100" in TEXT
