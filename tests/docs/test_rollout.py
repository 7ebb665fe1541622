"""docs/rollout.md is short, and its table of waiting times follows from its example."""

from __future__ import annotations

import math
import re

from slta.core.differences import ONE_IN
from tests.docs.pages import ROOT, Page, rows

PAGE = Page(ROOT / "docs/rollout.md")
WAIT = PAGE.section("How long to wait")
ERRORS = 3
"""A difference counts if it is more than so many of its standard errors."""
LEAST_DRAWN = 10
"""Of either source: of fewer, mean and standard error say little."""


def sessions_needed(difference: float, share: float, placed_deviation: float, reported_deviation: float) -> float:
    """New sessions in all, of which slta places the fraction `share`, until `ERRORS` standard errors are `difference`.

    The standard deviations are those of single drawn sessions, one in `ONE_IN`, taken as independent.
    """
    variance = placed_deviation**2 / share + reported_deviation**2 / (1 - share)
    return ONE_IN * max((ERRORS / difference) ** 2 * variance, LEAST_DRAWN / min(share, 1 - share))


def test_the_table_has_what_the_formula_says_of_the_example() -> None:
    assert f"{LEAST_DRAWN} drawn" in WAIT
    [price] = numbers(r"load price\s+(\d\.\d+)", WAIT)
    deviations = [numbers(rf"{source}\D+(\d\.\d+)", WAIT)[0] for source in ("`sd_placed`", "`sd_reported`")]
    head, *table = [line for line in WAIT.splitlines() if line.startswith("|") and "--" not in line]
    shares = [value / 100 for value in numbers(r"at (\d+) %", head)]
    assert shares == [0.01, 0.1, 0.5]
    assert len(table) == len(rows(WAIT))
    for part, *cells in rows(WAIT):
        difference = numbers(r"^(\d+) %", part)[0] / 100 * price
        expected = [sessions_needed(difference, share, *deviations) for share in shares]
        assert [float(cell.replace(",", "")) for cell in cells] == [rounded(value) for value in expected]


def test_it_has_at_most_120_lines() -> None:
    assert len(PAGE.text.splitlines()) <= 120


def numbers(pattern: str, text: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, text)]


def rounded(value: float) -> float:
    """Up to two figures."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit) * unit
