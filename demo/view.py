"""What a demonstration looks like while it runs: a live picture on a terminal, else a line every few seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from demo.figures import Figures
from demo.summary import milliseconds, percent

LINE_SECONDS = 5.0


class View(Protocol):
    """Shows the figures whenever they are new."""

    def show(self, figures: Figures) -> None:
        """Show them now."""


@contextmanager
def view_on(console: Console, addresses: str) -> Iterator[View]:
    """The view that fits the console."""
    if not console.is_terminal:
        yield PlainLines(console)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield Picture(live, addresses)


class PlainLines:
    """For files and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_seconds = 0.0

    def show(self, figures: Figures) -> None:
        """A line, if the last one was long enough ago."""
        if figures.state and figures.progress and figures.elapsed_seconds >= self._next_seconds:
            self._next_seconds = figures.elapsed_seconds + LINE_SECONDS
            self._console.print(plain_line(figures), soft_wrap=True)


def plain_line(figures: Figures) -> str:
    """Everything that matters now, in one line."""
    state = figures.state or {}
    gap = f"placement gap {percent(_placement_gap(figures))}" if figures.averages else "warming up"
    return (
        f"{figures.elapsed_seconds:4.0f} s  {figures.arrivals_per_second:.0f} arrivals/s  "
        f"{state['sessions']['active']} sessions  {gap}  fixed weights now {percent(figures.weights_gap_now)}  "
        f"r {state['estimate_rank']} (optimal {state['optimal_rank']})  "
        f"assign {_latency(figures)}"
    )


def _latency(figures: Figures) -> str:
    """From the scheduled moment, and how much of it the load generator was late."""
    progress = figures.progress or {}
    assign, lateness = progress.get("assign_ms", {}), progress.get("lateness_ms", {})
    return (
        f"p50 {milliseconds(assign.get('p50'))} (sent {milliseconds(lateness.get('p50'))} late) "
        f"p99 {milliseconds(assign.get('p99'))}"
    )


class Picture:
    """For terminals."""

    def __init__(self, live: Live, addresses: str) -> None:
        self._live = live
        self._addresses = addresses

    def show(self, figures: Figures) -> None:
        """Draw it anew."""
        self._live.update(picture(figures, self._addresses), refresh=True)


def picture(figures: Figures, addresses: str) -> RenderableType:
    """The whole view."""
    plan = figures.plan
    title = f"{plan.fleet} · {sum(plan.pools)} pools · {plan.spec.policy.title}"
    parts = [_progress(figures)]
    if figures.state:
        parts += [Text(), _headline(figures), Text(), _rates(figures, figures.state), Text(), _classes(figures.state)]
    return Panel(Group(*parts, Text(), Text(addresses, style="dim")), title=title, title_align="left", width=100)


def _progress(figures: Figures) -> RenderableType:
    plan, duration = figures.plan, figures.plan.course.duration_seconds
    elapsed = min(figures.elapsed_seconds, duration)
    grid = Table.grid(padding=(0, 1))
    phase = "" if figures.window else f"warming up: averages begin at {plan.course.warm_up_seconds:.0f} s"
    bar = ProgressBar(total=duration, completed=elapsed, width=40)
    grid.add_row(bar, f"{elapsed:.0f} of {duration:.0f} s", Text(phase, style="yellow"))
    return grid


def _headline(figures: Figures) -> RenderableType:
    swing = (figures.averages or {}).get("relative_swing_gap")
    now = (figures.state or {}).get("relative_gap")
    grid = Table(box=None, pad_edge=False)
    for column in ("lost to the optimum", "now", "since the warm-up"):
        grid.add_column(column, justify="left" if column.startswith("lost") else "right")
    grid.add_row(
        "[bold]placement gap", f"[bold green]{percent(now)}", f"[bold green]{percent(_placement_gap(figures))}"
    )
    tuned = f"best fixed weights, tuned for load {figures.plan.course.mean_load:.3g}"
    grid.add_row(tuned, f"[red]{percent(figures.weights_gap_now)}", f"[red]{percent(figures.weights_gap_mean)}")
    grid.add_row("swing gap (the load's own)", "", percent(swing))
    return grid


def _placement_gap(figures: Figures) -> float | None:
    return figures.averages["relative_placement_gap"] if figures.averages else None


def _rates(figures: Figures, state: Any) -> RenderableType:  # noqa: ANN401 - JSON
    totals = (figures.progress or {}).get("totals", {})
    load = state["offered_load_estimate"] or 0.0
    grid = Table.grid(padding=(0, 3))
    for _ in range(3):
        grid.add_column(no_wrap=True)
    grid.add_row(
        f"sessions [bold]{state['sessions']['active']}[/] ({load:.2f} per pool)",
        f"arrivals [bold]{figures.arrivals_per_second:.0f}[/]/s",
        f"completions [bold]{figures.completions_per_second:.0f}[/]/s",
    )
    grid.add_row(
        f"utility [bold]{state['utility'] or 0:.2f}[/] of {state['utility_bound'] or 0:.2f}",
        f"r [bold]{state['estimate_rank']}[/] (optimal {state['optimal_rank']})",
        f"rejected {totals.get('rejections', 0)}, errors {totals.get('errors', 0)}",
    )
    return Group(grid, f"assign {_latency(figures)}")


def _classes(state: Any) -> RenderableType:  # noqa: ANN401 - JSON
    table = Table(box=None, pad_edge=False)
    table.add_column("class")
    for column in ("pools", "sessions", "per pool", "threshold", "optimal", "[green]green[/]", "[yellow]yellow[/]"):
        table.add_column(column, justify="right")
    for c in state["classes"]:
        pools, sessions, tokens = c["pools"]["active"], c["sessions"]["active"], c["tokens"] or {}
        table.add_row(
            c["name"],
            str(pools),
            str(sessions),
            f"{sessions / pools:.2f}" if pools else "–",
            _number(c["threshold"]),
            _number(c["optimal_threshold"]),
            _number(tokens.get("green")),
            _number(tokens.get("yellow")),
        )
    return table


def _number(value: int | None) -> str:
    return "–" if value is None else str(value)
