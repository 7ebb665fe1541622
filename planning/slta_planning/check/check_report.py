"""Report of a fleet file's facts as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from slta.core.fleet import FleetSpec
from slta_planning.check.facts import Facts
from slta_planning.fit.weights import ASSUMED, assumed_weights
from slta_planning.text import SHOWN, amount, columns, counted, percent, wrapped

MAX_ROWS = 20
"""Maximum of stretches that are shown."""
WIDTH = 60
"""Columns of the plot; above this capacity a column stands for several levels."""
BLOCKS = "▁▂▃▄▅▆▇█"


def report(spec: FleetSpec, facts: Facts) -> str:
    """Format the facts."""
    parts = [_fleet(spec, facts), _types(spec, facts), _plot(spec), _order(spec, facts), _loads(spec, facts)]
    parts += [wrapped(_assumed(spec)), wrapped(_beta(spec, facts)), wrapped(_ties(spec, facts))]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _fleet(spec: FleetSpec, facts: Facts) -> list[str]:
    head = ["class", "pools", "capacity", "first adds", "last adds", "adds up to level"]
    rows = [
        [
            c.name,
            f"{count:,}",
            str(c.capacity),
            f"{column[0]:.4g}",
            f"{column[-1]:.4g}",
            str(sum(m > 0 for m in column)),
        ]
        for c, count, column in zip(spec.classes, facts.pools, spec.ranking.marginals, strict=True)
    ]
    places = f"{counted(facts.capacity, 'session')} find a place, and {facts.useful:,} of them add to the total"
    return [*columns([head, *rows]), *wrapped([places])]


def _types(spec: FleetSpec, facts: Facts) -> list[str]:
    """Classes and places of each session type; empty without types."""
    if not spec.session_types:
        return []
    rows = [["session type", "places", "classes"]]
    for name, own in zip(spec.type_names, spec.type_sets.classes, strict=True):
        places = sum(facts.pools[i] * spec.classes[i].capacity for i in own)
        rows.append([name, f"{places:,}", ", ".join(spec.classes[i].name for i in own)])
    return columns(rows)


def _plot(spec: FleetSpec) -> list[str]:
    """Plot of the marginal utilities of each class by level, on one scale."""
    levels = max(c.capacity for c in spec.classes)
    wide = ceil(levels / WIDTH)
    largest = max((max(column) for column in spec.ranking.marginals), default=0.0)
    title = f"marginal utility by level, 1 to {levels}" + (f", {wide} levels a column" if wide > 1 else "")
    name = max(len(c.name) for c in spec.classes)
    rows = [
        f"{c.name.ljust(name)}  {''.join(_block(m, largest) for m in column[::wide])}"
        for c, column in zip(spec.classes, spec.ranking.marginals, strict=True)
    ]
    return [title, *rows, f"{BLOCKS[-1]} is {largest:.4g}, · adds nothing, - lowers the total"]


def _block(marginal: float, largest: float) -> str:
    if marginal <= 0:
        return "·" if marginal == 0 else "-"
    return BLOCKS[min(int(marginal / largest * len(BLOCKS)), len(BLOCKS) - 1)]


def _order(spec: FleetSpec, facts: Facts) -> list[str]:
    title = "in this order places rank" if spec.session_types else "in this order places are filled"
    rows = [[title, "levels", "marginal utility"]]
    for stretch in facts.order[:MAX_ROWS]:
        name = spec.classes[stretch.pool_class].name
        rows.append(
            [
                f"rank {_range(stretch.rank, stretch.rank + stretch.last - stretch.first)}: {name}",
                _range(stretch.first, stretch.last),
                _range(f"{stretch.largest:.4g}", f"{stretch.smallest:.4g}"),
            ]
        )
    more = len(facts.order) - MAX_ROWS
    return [*columns(rows), *([f"and {counted(more, 'stretch', 'stretches')} more"] if more > 0 else [])]


def _range(first: object, last: object) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _loads(spec: FleetSpec, facts: Facts) -> list[str]:
    """The optimum at each load; empty with session types, whose optimum depends on the share of each."""
    if spec.session_types:
        return []
    names = [c.name for c in spec.classes]
    head = ["sessions", "r*", "next place", "utility", "price", "usual gap", *map(_on_a, names), "thresholds"]
    rows = [
        [
            amount(at.sessions),
            str(at.rank),
            f"{names[at.coordinate.pool_class]} {at.coordinate.level}",
            f"{at.utility:,.2f}",
            f"{at.price:.4g}",
            percent(at.usual_gap),
            *(f"{mean:.2f}" for mean in at.occupancies),
            ", ".join(map(str, at.thresholds)),
        ]
        for at in facts.loads
    ]
    title = "the best assignment at a few loads, with the sessions on a pool of each class"
    return [*wrapped([title]), *columns([head, *rows])]


def _on_a(name: str) -> str:
    return f"on an {name}" if name[0] in "aeiouAEIOU" else f"on a {name}"


def _assumed(spec: FleetSpec) -> Iterator[str]:
    stated = ", ".join(f"{name} {float(weight):g}" for name, weight in assumed_weights(spec).items())
    if stated:
        yield f"the curves are those of slta fit --weights, sessions are shared as by weights {stated}"
        yield ASSUMED


def _beta(spec: FleetSpec, facts: Facts) -> Iterator[str]:
    if spec.policy.has_thresholds:
        coefficient, power = spec.beta.coefficient_and_power()
        n = sum(facts.pools)
        exact = f"{coefficient:g} · {n}^{power:g} = {coefficient * n**power:.2f}"
        yield (
            f"beta: with {counted(n, 'pool')}, r falls when {facts.green_enough} tokens are green "
            f"({exact}, rounded up, 2 at least)"
        )


def _ties(spec: FleetSpec, facts: Facts) -> list[str]:
    rows = [
        f"tie at {tie.marginal:.4g}: "
        + ", ".join(f"{spec.classes[i].name} {_levels(levels)}" for i, levels in _by_class(tie.coordinates).items())
        for tie in facts.ties[:SHOWN]
    ]
    more = len(facts.ties) - SHOWN
    if more > 0:
        rows.append(f"and {counted(more, 'tie')} more")
    return [*rows, f"of a tie, {spec.order.ties}"] if rows else []


def _by_class(coordinates: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for pool_class, level in coordinates:
        found.setdefault(pool_class, []).append(level)
    return found


def _levels(levels: Sequence[int]) -> str:
    return _range(levels[0], levels[-1])
