"""Process pool for independent runs, with a progress bar."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from rich.progress import MofNCompleteColumn, TimeElapsedColumn

from slta.cli.progress import progress_bar

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_processes() -> int:
    """Cores available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(function: Callable[[Item], Result], items: Sequence[Item], title: str, processes: int = 1) -> list[Result]:
    """Map `function` over items, in order. With one process nothing is started."""
    return list(one_by_one(function, items, title, processes))


def one_by_one(
    function: Callable[[Item], Result], items: Sequence[Item], title: str, processes: int = 1
) -> Iterator[Result]:
    """The same, each result as soon as those before it are there."""
    with progress_bar(MofNCompleteColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task(title, total=len(items))
        if processes == 1 or len(items) == 1:
            for item in items:
                yield function(item)
                bar.advance(task)
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(processes, len(items)), mp_context=context) as pool:
            for result in pool.map(function, items):
                yield result
                bar.advance(task)
