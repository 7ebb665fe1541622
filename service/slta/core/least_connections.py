"""Least connections: the utility of the same sessions spread evenly over the active pools."""

from __future__ import annotations

from collections.abc import Sequence

from slta.core.ranking import Ranking


def least_connections_utility(ranking: Ranking, pools: Sequence[float], sessions: float) -> float:
    """Utility of N sessions on A(i) pools that differ by at most one session, but for full ones. O(levels).

    `pools[i]` is A(i), `sessions` N, both totals. Of the pools with room at the last level each class has its share.
    Time averages of N give at least the average utility, as curves are concave. Sessions beyond capacity add nothing.

    One pool of class 0 and one of class 1, three sessions: one each adds 4 and 3, the third 2 or 1.

    >>> from slta.core.ranking import Coordinate
    >>> order = tuple(Coordinate(i, level) for i, level in ((0, 1), (1, 1), (0, 2), (1, 2)))
    >>> least_connections_utility(Ranking(order, ((4.0, 2.0), (3.0, 1.0))), pools=[1, 1], sessions=3)
    8.5
    """
    utility, left = 0.0, sessions
    for level in range(max(map(len, ranking.marginals))):
        columns = zip(pools, ranking.marginals, strict=True)
        with_room = [(a, column[level]) for a, column in columns if level < len(column)]
        room = sum(a for a, _ in with_room)
        if left <= 0 or room <= 0:
            break
        share = min(left / room, 1.0)
        utility += share * sum(a * marginal for a, marginal in with_room)
        left -= share * room
    return utility
