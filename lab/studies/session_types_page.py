"""Tables of the study `session-types`.

*JLMU*: the best rank among the type's classes. *price*: `jlmu` with session types and the default reserve; *no
reserve*: without it; *first price*: an earlier rule, which counted all sessions of a needy type, also those that sit
well elsewhere, and no wait for them. *gap*: what better placement could win with the sessions present, in percent of
U*(N, A) at their means in each sixteenth of a mean holding time. Where pools fill, a policy that refuses more can have
a smaller gap, so full fleets have the *own loss*: to U* at the run's mean sessions if none were refused. *utility*:
above JLMU's on the same sessions, in percent, mean of the fleets (worst fleet). *refused*: percent of the arrivals of
the type that JLMU refuses most, mean (largest). Fleets: `typed_fleets.py`, `kneed_fleets.py`, `searched_fleets.json`:
the worst six that hill climbing found against each rule with about 16 or 40 pools, here on other seeds; *first
reserve*: ρ (1 + √N) places for N sessions present of types without another class with room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from slta_experiments import study_report

Row = dict[str, Any]
PRICES = ("first price", "no reserve", "price")
LINES = ("JLMU", *PRICES)
MANY = 100
"""Pools of an adversarial fleet that is not small."""


def markdown(data: dict[str, Any]) -> str:
    """The designed fleets, refusals, the others, and the reserve."""
    rows: list[Row] = data["rows"]
    cells = own(rows, "log", "capped", "full")
    sizes = sorted({row["n"] for row in cells})
    errors = [most_error(chosen, name) for chosen, name in ((cells, "gap"), (cells, "own_loss"), (rows, "gain"))]
    return study_report.page(
        "Session types",
        "Standard errors are at most {:.3f} (gap), {:.2f} (own loss) and {:.2f} (utility).".format(*errors),
        f"## The designed fleets\n\n{designed(rows, sizes)}\nWorst cell for the price: {worst_of(cells)}.",
        f"## Refused where pools fill\n\nThe type with class 0 alone, steady.\n\n{refusals(rows, sizes)}",
        f"## Other fleets\n\n{others(rows)}\nWorst for the price: {worst_of(own(rows, 'searched'))}.",
        f"## The reserve\n\n{reserves(own(rows, 'planned')[0])}",
    )


def own(rows: Iterable[Row], *fleets: str) -> list[Row]:
    """Rows of these fleets."""
    return [row for row in rows if row["fleet"] in fleets]


def mean_of(rows: Sequence[Row], line: str, measure: str, digits: int = 3) -> str:
    """Mean over fleets."""
    return f"{np.mean([row['lines'][line][measure][0] for row in rows]):.{digits}f}"


def most_error(rows: Sequence[Row], measure: str) -> float:
    """Largest standard error of a fleet."""
    return max(line[measure][1] or 0.0 for row in rows for line in row["lines"].values())


def gains(rows: Sequence[Row], lines: Sequence[str]) -> list[str]:
    """By line the mean gain of utility, and the worst fleet's."""
    worst = [min(row["lines"][line]["gain"][0] for row in rows) for line in lines]
    means = [mean_of(rows, line, "gain", 2) for line in lines]
    return [f"{mean} ({least:.2f})" for mean, least in zip(means, worst, strict=True)] if len(rows) > 1 else means


def worst_of(rows: Sequence[Row]) -> str:
    """The row with the least utility with the price, in prose."""
    row = min(rows, key=lambda row: float(row["lines"]["price"]["gain"][0]))
    loads = ", ".join(f"{load:g}" for load in row["loads"])
    swinging = ", swinging" if row["swinging"] else ""
    mean, error = row["lines"]["price"]["gain"]
    gain = study_report.with_error(mean, error, 2)
    return f"{gain} % utility ({row['fleet']} {row['graph']} ({loads}){swinging}, n = {row['n']:,})"


def designed(rows: Sequence[Row], sizes: Sequence[int]) -> str:
    """A row per fleet, kind of load and n."""
    shown = ("JLMU", "first price", "price")
    table = []
    for swinging in (False, True):
        for fleet in ("log", "capped", "full"):
            for n in sizes:
                mine = [row for row in own(rows, fleet) if (row["n"], row["swinging"]) == (n, swinging)]
                measure = "own_loss" if fleet == "full" else "gap"
                losses = [mean_of(mine, line, measure) for line in shown]
                if fleet == "full" and swinging:
                    losses = ["–"] * len(shown)
                name = f"{fleet}, swinging" if swinging else fleet
                table.append([name, f"{n:,}", *losses, *gains(mine, shown[1:])])
    return study_report.markdown_table(["fleet", "n", *shown, *(f"utility, {line}" for line in shown[1:])], table)


def refusals(rows: Sequence[Row], sizes: Sequence[int]) -> str:
    """Refused share of the type with one class by graph and n."""
    table = []
    for graph in ("nested", "N"):
        for n in sizes:
            mine = [row for row in own(rows, "full") if (row["graph"], row["n"], row["swinging"]) == (graph, n, False)]
            shares = (np.mean([row["lines"][line]["refused"][0] for row in mine]) for line in LINES)
            table.append([graph, f"{n:,}", *(f"{share:.2f}" for share in shares)])
    return study_report.markdown_table(["graph", "n", *LINES], table)


def others(rows: Sequence[Row]) -> str:
    """A row per group of fleets and number of pools."""
    groups: dict[str, list[Row]] = {}
    for row in own(rows, "random", "small", "searched", "adversarial"):
        times = {"searched": f", × {row['times']}", "adversarial": f", n = {24 if row['n'] < MANY else 200}"}
        name = row["fleet"] if row["fleet"] in ("random", "small") else row["group"]
        groups.setdefault(name + times.get(row["fleet"], ""), []).append(row)
    table = [
        [name, *gains(mine, PRICES), *("{:.1f} ({:.1f})".format(*refused(mine, line)) for line in ("JLMU", "price"))]
        for name, mine in groups.items()
    ]
    return study_report.markdown_table(["fleets", *PRICES, "refused, JLMU", "refused, price"], table)


def refused(rows: Sequence[Row], line: str) -> tuple[float, float]:
    """Share refused of the type that JLMU refuses most: mean and worst fleet's."""
    kinds = [int(np.argmax(row["lines"]["JLMU"]["refused"])) for row in rows]
    shares = [row["lines"][line]["refused"][kind] for row, kind in zip(rows, kinds, strict=True)]
    return float(np.mean(shares)), max(shares)


def reserves(row: Row) -> str:
    """A row per ρ."""
    table = [
        [line, f"{row['n'] * found['utility']:.1f}", *(f"{share:.2f}" for share in found["refused"])]
        for line, found in row["lines"].items()
    ]
    return study_report.markdown_table(["rule", "utility", *(f"refused, type {t}" for t in (1, 2, 3))], table)
