"""Prediction subprocess: JSON lines, a question on standard input, its answer on standard output.

It runs at the lowest priority, needs only the standard library, and exits at end of input.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from time import process_time
from types import FrameType
from typing import Any, NoReturn

from slta.core.expected_gap import NotByMarginalError, TooLargeError, expected_placement_gap, offered_load
from slta.core.optimum import optimum
from slta.core.ranking import Coordinate, Ranking

MAX_SECONDS = 5.0
"""CPU time limit of one answer; not wall time, so that load on the machine does not change what is too large."""
MAX_NICENESS = 19


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Compute one prediction.

    `classes` is the dispatch order as class indexes, `marginals[i][x]` is Δ(i, x), `pools` A(i), `sessions` the mean N.
    """
    ranking = _ranking(question["classes"], question["marginals"])
    pools, sessions = question["pools"], question["sessions"]
    places = sum(count * len(column) for count, column in zip(pools, question["marginals"], strict=True))
    offered = offered_load(sessions, places) if sessions else 0.0
    if offered is None:
        return {"reason": "nearly_full"}
    try:
        gap = expected_placement_gap(ranking, pools, offered)
    except NotByMarginalError:
        return {"reason": "order"}
    except TooLargeError:
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
    raise TooLargeError


def main() -> None:
    """Answer questions until end of input; each answer also has its processor time as `seconds`."""
    os.setpriority(os.PRIO_PROCESS, 0, MAX_NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the dispatcher handles Ctrl-C and stops us
    signal.signal(signal.SIGPROF, _on_cpu_limit)
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
        began = process_time()
        try:
            result = answer(json.loads(line))
        except TooLargeError:
            result = {"reason": "too_large"}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(result | {"seconds": process_time() - began}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
