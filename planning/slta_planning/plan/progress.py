"""Progress of a plan on a terminal's standard error, once it takes more than two seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Timer

from rich.progress import TimeElapsedColumn

from slta.cli.progress import progress_bar
from slta_planning.text import counted

SECONDS = 2.0
"""Time after which it is shown."""

Ran = Callable[[], None]
"""Progress callback after each evaluation of a fleet at a load."""


@contextmanager
def shown() -> Iterator[Ran]:
    """Count evaluations while a plan is made."""
    bar, evaluated = progress_bar(TimeElapsedColumn()), count(1)
    task = bar.add_task("planning", total=None)
    timer = Timer(SECONDS, bar.start)
    timer.start()
    try:
        yield lambda: bar.update(task, description=f"planning: {counted(next(evaluated), 'evaluation')}")
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
