"""Bound U*(N_1 … N_T, A) at many means at once, by the greedy algorithm on a polymatroid.

The sessions y(B) of a set B of classes are at most those of the types that may use one of them. U* is jointly concave,
so the mean of U* at the means of intervals is at least the mean of U*, and at most U* at the means of the whole time.
Source: Federgruen and Groenevelt, "The greedy procedure for resource allocation problems", 1986.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slta.core.ranking import Ranking
from slta.core.session_types.sets import TypeSets
from slta_experiments.workload import Floats

ROUNDING = 1e-9
"""So many sessions are none."""


def bounds(sets: TypeSets, ranking: Ranking, pools: Sequence[int], sessions: Floats) -> Floats:
    """U* at each row of `sessions`, which are of the types; those without room are left out. O(2^classes · levels)."""
    classes, worth = np.arange(1 << len(pools)), np.zeros(len(sessions))
    own = np.array([sum(1 << c for c in members) for members in sets.members])
    free = ((classes[:, None] & own) != 0).astype(float) @ np.asarray(sessions).T
    with_class = [np.flatnonzero(classes >> c & 1) for c in range(len(pools))]
    for c, level in ranking.order:
        more = np.minimum(pools[c], free[with_class[c]].min(axis=0))
        free[with_class[c]] -= more
        worth += more * ranking.marginals[c][level - 1]
        if free[-1].max() <= ROUNDING:
            break
    return worth
