"""Terminal dashboard of a demonstration; shows what fits, in order of importance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from slta_demo.figures import Facts, Figures
from slta_demo.history import bars, in_columns
from slta_demo.summary import assign_times, percent, verdict

FRAME = 2
"""Width of the frame on each side, in lines or columns; one more line is the cursor's."""
PER_CENT_COLUMNS = 7
GAPS_COLUMNS = 6
"""Gaps between the four columns of the losses."""
MAX_ROWS = 10
"""Height of a bar."""
WIDEST_BAR = 60
BESIDE_BAR = 45
"""Columns of the text beside the progress bar."""
UNLIMITED = 10_000
"""Columns: measures what would be cut off at the real width."""
MAX_NAME = 20
"""Length of a class name; more is shown if it fits."""
SCALE_COLUMNS = 20
"""Columns of the scale's label."""
OVER = "no more arrivals: the figures stand, and the last sessions end"
LEGEND = (
    "threshold: pools of the class are filled first, up to so many sessions; right: where it should be; "
    "green: pools below it; yellow: pools that come next"
)


class Part(NamedTuple):
    """Part of the dashboard: the first of its forms that fits. `rank` is its priority, 1 is placed first."""

    rank: int
    forms: Sequence[RenderableType]


class Picture:
    """The dashboard, drawn in the available width and height."""

    def __init__(self, figures: Figures, addresses: Sequence[str]) -> None:
        """`addresses` are lines, the most important first."""
        self._figures = figures
        self._addresses = addresses

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """A frame around the parts that fit; the remaining height goes to the bars."""
        inside = options.update(width=options.max_width - 2 * FRAME)
        room = console.height - FRAME - 1
        chosen = fitted(console, inside, self._parts(inside.max_width, 1), room)
        left = room - sum(lines for _, lines in chosen) - (len(chosen) - 1)
        if left > 0:
            chosen = fitted(console, inside, self._parts(inside.max_width, min(MAX_ROWS, 1 + left // 2)), room)
        pieces = [piece for piece, _ in chosen]
        if left >= 0:
            pieces = [pieces[0], *(Padding(piece, (1, 0, 0, 0)) for piece in pieces[1:])]
        plan = self._figures.plan
        title = f"{plan.fleet} · {sum(plan.pools)} pools · {plan.spec.policy.title}"
        yield Panel(Group(*pieces), title=title, title_align="left")

    def _parts(self, width: int, rows: int) -> list[Part]:
        figures, state = self._figures, self._figures.state
        parts = [Part(1, [Text(verdict(figures), style="bold")]), Part(3, [progress(figures, width)])]
        if state:
            parts += [
                Part(2, [losses(figures, width, rows)]),
                Part(5, [traffic(figures, state)]),
                Part(6, class_tables(figures, state)),
                Part(7, [worth(state)]),
                Part(8, [reach(figures, state)]),
                Part(9, [Text(f"assign over HTTP {assign_times(figures)}")]),
            ]
        return [*parts, *self._links(width)]

    def _links(self, width: int) -> list[Part]:
        in_one_line = "   ".join(self._addresses)
        if len(in_one_line) <= width:
            return [Part(4, [Text(in_one_line, style="dim")])]
        return [
            Part(4, [Text(self._addresses[0], style="dim")]),
            Part(10, [Text("\n".join(self._addresses[1:]), style="dim")]),
        ]


def fitted(
    console: Console, options: ConsoleOptions, parts: Sequence[Part], room: int
) -> list[tuple[RenderableType, int]]:
    """Parts that fit into this many lines, in their order, each with its height."""
    chosen: dict[int, tuple[RenderableType, int]] = {}
    for place, part in sorted(enumerate(parts), key=lambda numbered: numbered[1].rank):
        for form in part.forms:
            lines = len(console.render_lines(form, options))
            needed = Measurement.get(console, options.update(width=UNLIMITED), form).minimum
            if lines <= room and needed <= options.max_width:
                chosen[place] = form, lines
                room -= lines
                break
    return [chosen[place] for place in sorted(chosen)]


def progress(figures: Figures, width: int) -> RenderableType:
    """Progress of the arrivals."""
    plan, duration = figures.plan, figures.plan.course.duration_seconds
    elapsed = min(figures.elapsed_seconds, duration)
    grid = Table.grid(padding=(0, 1))
    phase = "" if figures.window else f"averages begin at {plan.course.warm_up_seconds:.0f} s"
    if figures.arrivals_are_over:
        phase = OVER
    bar = ProgressBar(total=duration, completed=elapsed, width=max(1, min(WIDEST_BAR, width - BESIDE_BAR)))
    grid.add_row(bar, f"{elapsed:.0f} of {duration:.0f} s", Text(phase, style="yellow"))
    return grid


class Series(NamedTuple):
    """A loss: now, on average, and its history of (seconds, loss), all as fractions of the bound."""

    label: str
    now: float | None
    mean: float | None
    points: Sequence[tuple[float, float]]


def series_of(figures: Figures) -> tuple[Series, Series, Series]:
    """Three losses: by placement, of fixed weights, and by the load's swings under any policy."""
    history, averages = figures.history, figures.averages or {}
    return (
        Series(
            "a better placement would win",
            (figures.state or {}).get("relative_gap"),
            averages.get("relative_placement_gap"),
            [(lost.seconds, lost.placement) for lost in history],
        ),
        Series(
            "fixed weights lose at least",
            figures.weights_gap_now,
            figures.weights_gap_mean,
            [(lost.seconds, lost.weights) for lost in history],
        ),
        Series(
            "the load's swings cost",
            None,
            averages.get("relative_swing_gap"),
            [(lost.seconds, lost.swings) for lost in history if lost.swings is not None],
        ),
    )


def losses(figures: Figures, width: int, rows: int) -> RenderableType:
    """The three series side by side, with a common scale."""
    ours, weights, swings = series = series_of(figures)
    columns = width - max(len(one.label) for one in series) - 2 * PER_CENT_COLUMNS - GAPS_COLUMNS
    duration = figures.plan.course.duration_seconds
    courses = [in_columns(one.points, duration, max(1, columns)) for one in series]
    top = max((value for course in courses for value in course), default=0.0)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("of the best possible", vertical="bottom", no_wrap=True)
    for name in ("now", "mean"):
        table.add_column(name, justify="right", vertical="bottom", min_width=PER_CENT_COLUMNS, no_wrap=True)
    table.add_column(f"so far, 0 to {percent(top)}" if columns >= SCALE_COLUMNS else "", no_wrap=True)
    for one, style, course in zip(series, (*colours(ours, weights), ""), courses, strict=True):
        now = "" if one is swings else percent(one.now)
        table.add_row(one.label, now, percent(one.mean), Text(bars(course, top, rows)), style=style)
    return table


def colours(ours: Series, weights: Series) -> tuple[str, str]:
    """Colours of our loss and of the weights': green and red if ours is smaller, else neutral."""
    mine, theirs = (ours.now, weights.now) if ours.mean is None else (ours.mean, weights.mean)
    return ("bold green", "red") if mine is not None and theirs is not None and mine < theirs else ("bold", "")


def traffic(figures: Figures, state: Facts) -> RenderableType:
    """Sessions and traffic."""
    totals = (figures.progress or {}).get("totals", {})
    return Text(
        f"{state['sessions']['active']} sessions, {state['offered_load_estimate'] or 0.0:.2f} per pool; "
        f"{figures.arrivals_per_second:.0f} arrivals/s, {figures.completions_per_second:.0f} completions/s, "
        f"{totals.get('rejections', 0)} rejected, {totals.get('errors', 0)} errors"
    )


def worth(state: Facts) -> RenderableType:
    """Utility and its bound, explained."""
    return Text(
        f"all sessions together are worth {state['utility'] or 0:.2f} (their utility), "
        f"at the best placement {state['utility_bound'] or 0:.2f}"
    )


def reach(figures: Figures, state: Facts) -> RenderableType:
    """The estimate r, explained."""
    what = "r, the estimate of" if figures.plan.spec.policy.has_thresholds else "the rank of the best free place,"
    return Text(
        f"{what} how far down the list of all places, best first, this load reaches, is {state['estimate_rank']}; "
        f"right would be {state['optimal_rank']}"
    )


def class_tables(figures: Figures, state: Facts) -> list[RenderableType]:
    """Tables of the classes, with thresholds and tokens explained, and without."""
    plain = class_table(state, with_tokens=False)
    if not figures.plan.spec.policy.has_thresholds:
        return [plain]
    return [Group(class_table(state, with_tokens=True), Text(LEGEND, style="dim")), plain]


def class_table(state: Facts, *, with_tokens: bool) -> Table:
    """Occupancies by class, actual and optimal."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    longest = max(len(c["name"]) for c in state["classes"])
    table.add_column("class", no_wrap=True, min_width=min(longest, MAX_NAME))
    names = ("threshold", "right", "[green]green[/]", "[yellow]yellow[/]") if with_tokens else ()
    for name in ("pools", "sessions", "per pool", "at best", *names):
        table.add_column(name, justify="right", no_wrap=True, min_width=Text.from_markup(name).cell_len)
    for c in state["classes"]:
        cells = [str(c["pools"]["active"]), str(c["sessions"]["active"]), *_per_pool(c)]
        table.add_row(c["name"], *cells, *(_thresholds(c) if with_tokens else ()))
    return table


def _per_pool(c: Facts) -> tuple[str, str]:
    pools, sessions = c["pools"]["active"], c["sessions"]["active"]
    return (f"{sessions / pools:.2f}", f"{sum(c['optimal_occupancy'][1:]) / pools:.2f}") if pools else ("–", "–")


def _thresholds(c: Facts) -> tuple[str, ...]:
    tokens = c["tokens"] or {}
    numbers = (c["threshold"], c["optimal_threshold"], tokens.get("green"), tokens.get("yellow"))
    return tuple("–" if number is None else str(number) for number in numbers)
