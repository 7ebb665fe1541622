"""Page of the study `session-types`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from slta_experiments import study_report

Row = dict[str, Any]
DIFFERS = 0.02
"""Points of the bound; smaller differences are none."""

INTRO = """Sessions of a type may use some classes only. *JLMU*: the best rank among the type's classes. *Price*:
the largest marginal utility less price, which is the rule of `jlmu` with session types. Both on the same sessions:
Poisson arrivals, exponential holding times of mean 1. A run is measured for {pool_time:,.0f} / n mean holding times,
but 4 periods of 12 at least, after {warm_up:g} from an empty fleet that Poisson numbers of sessions come to at once.
{seeds} seeds, half of them from 1,000 pools on; ± is one standard error."""

MEASURES = """The *gap* is ∫(U* − U) dt / ∫U* dt in percent: what better placement could win with the sessions
present. U*(N_1 … N_T, A) is integrated exactly, as a kept optimal assignment gives it after each event. Where pools
fill, a policy that refuses more can have a *smaller* gap, since the bound is of the sessions that it accepted. So
full fleets are judged by the *loss* to the fluid bound, U* at the expected sessions if none were refused, in
percent of it. A run's load is not the expected one, so its loss can be negative. The *own loss* is to U* at the
run's own mean sessions if none were refused, which no utility of the run exceeds; nor does any placement reach it
while pools are few."""

FLEETS = """## The designed fleets

n / 4 pools of each of four classes.

| fleet | u(x) | capacity | offered sessions of the three types per pool of the fleet |
|---|---|---|---|
| log | x ln(r / x), r = 20, 30, 15, 25 | 60 | (2, 3, 5), (3, 3, 3), (4.5, 3.5, 1.5) |
| capped | 1.5 min(x, 12), min(x, 16), 2 min(x, 8), 0.5 x | 60 | (1.5, 2, 4), (2.5, 2.5, 3), (2.9, 3.5, 2) |
| full | 1.5 x, x, 2 x − x²/20, 0.5 x | 12, 14, 10, 20 | as capped |

Classes that the types may use, numbered from 0: *nested* {0}, {0, 1}, all; *crossing* {0, 1}, {1, 2}, {2, 3}; *N*
{0}, {3}, all. Swinging: these loads times 0.8, type t = 0, 1, 2 times 1 + 0.5 sin 2π (time / 12 + t / 3). A figure
is the mean of nine cells: three graphs, three loads."""

RANDOM = """## Random fleets

{count} fleets from a seeded generator (`random_case` in `lab/studies/typed_fleets.py`), fixed before the first run:
3 to 6 classes with shares that differ by up to four times, n from 23 to 300 evenly in its logarithm, 2 to 5 types,
each a random set of classes. Every third fleet is full: capacities 6 to 20, log, quadratic or linear curves that
rise to the last place, 0.8 to 1.1 times as many sessions as places. In the others pools hold 60 and never fill: log
with r = 12 to 48, capped at 6 to 24, quadratic with its maximum at 12 to 48, or linear, at 0.5 to 1 times a usual
load. Types share the load by their classes' places times 0.5 to 1.5. Every second fleet swings as above, in turn.
Figures: the gap, of full fleets the loss to the fluid bound, averaged over a period."""


def markdown(data: dict[str, Any]) -> str:
    """The means, the worst cells, refusals, the random fleets, and every cell."""
    rows, sizes = data["rows"], list(dict.fromkeys(row["n"] for row in data["rows"]))
    groups = [(fleet, swing) for swing in (False, True) for fleet in dict.fromkeys(row["fleet"] for row in rows)]
    parts = [INTRO.format(**data["run"]), MEASURES, FLEETS]
    if rows:
        parts += [
            means([(group, select(rows, *group)) for group in groups], sizes),
            "Price against JLMU over the cells: " + count(rows) + ".",
            "## Refused where pools fill\n\n" + REFUSED + "\n\n" + refusals(rows),
        ]
    parts += [RANDOM.format(count=len(data["random"])), random_summary(data["random"]), random_table(data["random"])]
    parts += ["## Every cell\n\n" + cell_table(rows)] if rows else []
    return study_report.page("Session types", *parts)


REFUSED = """Full fleets, steady: percent of the arrivals of each type, at the three loads. In the nested graph the
first type has one class, in N the first two."""


def select(rows: Sequence[Row], fleet: str, swinging: bool) -> list[Row]:  # noqa: FBT001 - a key of the row
    """Rows of a fleet, steady or swinging."""
    return [row for row in rows if row["fleet"] == fleet and row["swinging"] == swinging]


def figure_of(row: Row, line: str) -> tuple[float, float | None]:
    """The figure that the line is judged by."""
    mean, error = row[line]["loss" if row["full"] else "gap"]
    return mean, error


def shown(figure: tuple[float, float | None]) -> str:
    """A figure with its standard error."""
    return study_report.with_error(*figure, 3)


def mean_of(figures: Iterable[tuple[float, float | None]], digits: int) -> str:
    """Mean of independent figures with its standard error."""
    values = list(figures)
    errors = [error for _, error in values if error is not None]
    error = math.sqrt(sum(e * e for e in errors)) / len(values) if len(errors) == len(values) else None
    return study_report.with_error(sum(mean for mean, _ in values) / len(values), error, digits)


def means(groups: Sequence[tuple[tuple[str, bool], list[Row]]], sizes: Sequence[int]) -> str:
    """A row per fleet, kind of load and n."""
    header = ["mean of nine cells", "n", "measure", "JLMU", "price", "price − JLMU", "best cell", "worst cell"]
    table = []
    for (fleet, swinging), rows in groups:
        for n in sizes:
            name = f"{fleet}, swinging" if swinging else fleet
            table += [[name, f"{n:,}", *cells] for cells in mean_rows([row for row in rows if row["n"] == n])]
    return study_report.markdown_table(header, table)


def mean_rows(rows: Sequence[Row]) -> list[list[str]]:
    """Means of nine cells: of full fleets the own loss and the utility too."""
    points = [row["points"] for row in rows]
    shown = [["loss" if rows[0]["full"] else "gap", *means_of(rows, figure_of), *difference_of(points, min, max)]]
    if rows[0]["full"] and not rows[0]["swinging"]:
        shown.append(["own loss", *means_of(rows, lambda row, line: row[line]["own_loss"]), "", "", ""])
    if rows[0]["full"]:
        shown.append(["utility, %", "", "", *difference_of([row["gain"] for row in rows], max, min)])
    return shown


def means_of(rows: Sequence[Row], figure: Callable[[Row, str], tuple[float, float | None]]) -> list[str]:
    """Both lines' means."""
    return [mean_of((figure(row, line) for row in rows), 3) for line in ("JLMU", "price")]


def difference_of(
    differences: Sequence[tuple[float, float | None]], best: Callable[..., float], worst: Callable[..., float]
) -> list[str]:
    """Mean of the paired differences, and the best and the worst cell."""
    return [mean_of(differences, 3), *(f"{end(mean for mean, _ in differences):+.2f}" for end in (best, worst))]


def differs(row: Row) -> int:
    """−1 if the price is better by more than DIFFERS and two standard errors, 1 if worse, else 0."""
    mean, error = row["points"]
    if abs(mean) <= max(DIFFERS, 2 * (error or 0.0)):
        return 0
    return 1 if mean > 0 else -1


def count(rows: Sequence[Row]) -> str:
    """How many cells differ."""
    kinds = [differs(row) for row in rows]
    ends = [end((row["points"][0], place_of(row)) for row in rows) for end in (max, min)]
    worst, best = (f"{mean:+.2f} points ({place})" for mean, place in ends)
    return (
        f"of {len(rows)}, better by more than {DIFFERS} points and two standard errors in {kinds.count(-1)}, worse in "
        f"{kinds.count(1)}; worst {worst}, best {best}"
    )


def place_of(row: Row) -> str:
    """Name of a cell in prose."""
    loads = ", ".join(f"{load:g}" for load in row["loads"])
    name = f"{row['fleet']} {row['graph']}" + ("" if row["fleet"] == "random" else f" ({loads})")
    return f"{name}{', swinging' if row['swinging'] else ''}, n = {row['n']:,}"


def refusals(rows: Sequence[Row]) -> str:
    """Refused shares of each type by graph and n, at each load."""
    header = ["graph", "n", "type", "JLMU", "price"]
    full = [row for row in rows if row["full"] and not row["swinging"]]
    table = []
    for graph, n in dict.fromkeys((row["graph"], row["n"]) for row in full):
        mine = [row for row in full if (row["graph"], row["n"]) == (graph, n)]
        for kind, own in enumerate(mine[0]["sets"]):
            shares = (", ".join(f"{row[line]['refused'][kind]:.1f}" for row in mine) for line in ("JLMU", "price"))
            table.append([graph, f"{n:,}", set_of(own), *shares])
    return study_report.markdown_table(header, table)


def set_of(classes: Iterable[int]) -> str:
    """Classes of a type."""
    return "{" + ", ".join(map(str, classes)) + "}"


def random_summary(rows: Sequence[Row]) -> str:
    """Means of the fleets that are full and of the others, and how many differ."""
    lines = []
    groups: tuple[tuple[str, Callable[[Row], bool]], ...] = (
        ("not full", lambda row: not row["full"]),
        ("full", lambda row: row["full"]),
    )
    for name, belongs in groups:
        mine = [row for row in rows if belongs(row)]
        if mine:
            figures = [sum(figure_of(row, line)[0] for row in mine) / len(mine) for line in ("JLMU", "price")]
            measure = "loss" if name == "full" else "gap"
            lines.append(
                f"- {len(mine)} {name}: mean {measure} {figures[0]:.3f} with JLMU, {figures[1]:.3f} with price."
            )
    return "\n".join([*lines, f"- All: {count(rows)}."])


def random_table(rows: Sequence[Row]) -> str:
    """A row per fleet."""
    header = ["fleet", "n", "classes", "types", "kind", "JLMU", "price", "price − JLMU", "most refused, %"]
    return study_report.markdown_table(header, [random_row(row) for row in rows])


def random_row(row: Row) -> list[str]:
    """Figures, and the refusals of the type that each line refuses most."""
    kind = ("full" if row["full"] else "not full") + (", swinging" if row["swinging"] else "")
    types = " ".join(set_of(own) for own in row["sets"])
    figures = [shown(figure_of(row, line)) for line in ("JLMU", "price")]
    most = " / ".join(f"{max(row[line]['refused']):.1f}" for line in ("JLMU", "price"))
    points = shown(row["points"])
    return [row["graph"], str(row["n"]), str(row["classes"]), types, kind, *figures, points, most]


def cell_table(rows: Sequence[Row]) -> str:
    """A row per cell of the designed fleets."""
    header = ["cell", "seeds", "gap, JLMU", "gap, price", "loss, JLMU", "loss, price", "price − JLMU", "utility, %"]
    return study_report.markdown_table(
        header,
        [
            [
                place_of(row),
                str(row["seeds"]),
                *(shown(row[line]["gap"]) for line in ("JLMU", "price")),
                *(f"{row[line]['loss'][0]:.2f}" if row["full"] else "–" for line in ("JLMU", "price")),
                shown(row["points"]),
                shown(row["gain"]),
            ]
            for row in rows
        ],
    )
