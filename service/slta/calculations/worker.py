"""Calculation subprocess of the bounds of session types: JSON lines, a question on its input, the answer on its output.

It runs at the lowest priority, needs only the standard library, and exits at end of input.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

from slta.core.ranking import Coordinate, Ranking
from slta.core.session_types.intervals import Interval, excess
from slta.core.session_types.sets import TypeSets

MAX_SECONDS = 5.0
"""CPU time limit of one answer; not wall time, so that load on the machine does not change what is too large."""
MAX_NICENESS = 19


class TooLargeError(Exception):
    """The answer would take longer than `MAX_SECONDS`."""


def excesses(questions: Sequence[tuple[dict[str, Any], Sequence[float]]]) -> list[float]:
    """`excess` of intervals, each with the tables of its fleet.

    `classes` is the dispatch order as class indexes, `marginals[i][x]` is Δ(i, x) as an integer, `sets` are the classes
    of each type. The numbers of an interval are the integrals of U*(N, A), of the pools by class and of the sessions by
    type. One of other types than its tables, as of a damaged fleet, gets -1, which the store does not add.
    """
    found = []
    for tables, numbers in questions:
        sets, ranking = TypeSets(tuple(map(tuple, tables["sets"]))), _ranking(tables["classes"], tables["marginals"])
        interval = Interval.of(numbers, len(tables["marginals"]))
        fits = len(interval.sessions) == len(sets.classes)
        found.append(excess(sets, ranking, interval) if fits else -1.0)
    return found


def _ranking(classes: list[int], marginals: list[list[float]]) -> Ranking:
    levels = [0] * len(marginals)
    order = []
    for pool_class in classes:
        levels[pool_class] += 1
        order.append(Coordinate(pool_class, levels[pool_class]))
    return Ranking(tuple(order), tuple(map(tuple, marginals)))


def _on_cpu_limit(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TooLargeError


def main() -> None:
    """Answer questions until end of input; by null if the answer would take longer than `MAX_SECONDS`."""
    os.setpriority(os.PRIO_PROCESS, 0, MAX_NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the dispatcher handles Ctrl-C and stops us
    signal.signal(signal.SIGPROF, _on_cpu_limit)
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
        try:
            result = excesses(json.loads(line))
        except TooLargeError:
            result = None
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
