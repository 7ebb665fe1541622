"""The process that predicts: a question a line on standard input, an answer a line on standard output, in JSON.

It is given way to by everything else, needs the standard library alone, and ends with its input.
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
"""Of processor time for one answer, so that a busy machine does not change what is too large."""
LOWEST_PRIORITY = 19


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """`classes` is the order of dispatch as class positions, `marginals[i][x]` Δ(i, x), `pools` A(i), `sessions` N."""
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


def _give_up(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TooLarge


def main() -> None:
    """Answer until the input ends."""
    os.setpriority(os.PRIO_PROCESS, 0, LOWEST_PRIORITY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the dispatcher, which ends us
    signal.signal(signal.SIGPROF, _give_up)
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
