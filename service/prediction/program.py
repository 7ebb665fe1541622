"""Prediction subprocess: JSON lines, a question on standard input, its answer on standard output.

It runs at the lowest priority, needs only the standard library, and exits at end of input.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

from service.core.optimum import optimum
from service.core.prediction import NotByMarginal, TooLarge, expected_placement_gap
from service.core.ranking import Coordinate, Ranking

LONGEST_SECONDS = 5.0
"""CPU time limit of one answer; not wall time, so that load on the machine does not change what is too large."""
LOWEST_PRIORITY = 19


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Compute one prediction.

    `classes` is the dispatch order as class indexes, `marginals[i][x]` is Δ(i, x), `pools` A(i), `sessions` N.
    """
    ranking = _ranking(question["classes"], question["marginals"])
    pools, sessions = question["pools"], question["sessions"]
    try:
        gap = expected_placement_gap(ranking, pools, sessions)
    except NotByMarginal:
        return {"reason": "order"}
    except TooLarge:
        return {"reason": "too_large"}
    best = optimum(ranking, pools, sessions)
    bound = abs(best.utility) / sum(pools) if best else 0.0
    return {"gap": gap, "relative": gap / bound if bound else None}


def _ranking(classes: list[int], marginals: list[list[float]]) -> Ranking:
    levels = [0] * len(marginals)
    order = []
    for pool_class in classes:
        levels[pool_class] += 1
        order.append(Coordinate(pool_class, levels[pool_class]))
    return Ranking(tuple(order), tuple(map(tuple, marginals)))


def _on_cpu_limit(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TooLarge


def main() -> None:
    """Answer questions until end of input."""
    os.setpriority(os.PRIO_PROCESS, 0, LOWEST_PRIORITY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the dispatcher handles Ctrl-C and stops us
    signal.signal(signal.SIGPROF, _on_cpu_limit)
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_PROF, LONGEST_SECONDS)
        try:
            found = answer(json.loads(line))
        except TooLarge:
            found = {"reason": "too_large"}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
