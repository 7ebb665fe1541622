"""View of a running demonstration: a live dashboard on a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live

from slta_demo.figures import Figures
from slta_demo.picture import OVER, Picture
from slta_demo.summary import assign_times, percent

LINE_SECONDS = 5.0
WORDS = (
    "placement gap: what a perfect placement of the same sessions would add; fixed weights: what the best that are "
    "tuned for the mean load would lose at least; r: how far down the list of all places, best first, the load reaches"
)


class View(Protocol):
    """Shows new figures."""

    def show(self, figures: Figures) -> None:
        """Show them now."""


@contextmanager
def view_on(console: Console, addresses: Sequence[str]) -> Iterator[View]:
    """The view for this console."""
    if not console.is_interactive:
        console.print(WORDS, soft_wrap=True)
        yield PlainLines(console)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield OnTerminal(live, addresses)


class PlainLines:
    """Line output for files and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_seconds = 0.0

    def show(self, figures: Figures) -> None:
        """Print a line at most every few seconds, and one when the arrivals end."""
        if figures.arrivals_are_over:
            if self._next_seconds < math.inf:
                self._console.print(f"{figures.elapsed_seconds:4.0f} s  {OVER}", soft_wrap=True)
            self._next_seconds = math.inf
        elif figures.state and figures.progress and figures.elapsed_seconds >= self._next_seconds:
            self._next_seconds = figures.elapsed_seconds + LINE_SECONDS
            self._console.print(plain_line(figures), soft_wrap=True)


def plain_line(figures: Figures) -> str:
    """Format the key figures as one line."""
    state = figures.state or {}
    averages = figures.averages
    gap = f"placement gap {percent(averages['relative_placement_gap'])}" if averages else "warming up"
    return (
        f"{figures.elapsed_seconds:4.0f} s  {figures.arrivals_per_second:.0f} arrivals/s  "
        f"{state['sessions']['active']} sessions  {gap}  fixed weights now {percent(figures.weights_gap_now)}  "
        f"r {state['estimate_rank']} (optimal {state['optimal_rank']})  "
        f"assign {assign_times(figures)}"
    )


class OnTerminal:
    """Live dashboard for terminals."""

    def __init__(self, live: Live, addresses: Sequence[str]) -> None:
        self._live = live
        self._addresses = addresses

    def show(self, figures: Figures) -> None:
        """Redraw."""
        self._live.update(Picture(figures, self._addresses), refresh=True)
