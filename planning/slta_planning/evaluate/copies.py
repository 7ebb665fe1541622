"""Copies of a log's lines, and lines whose session's id is still open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from slta_experiments.workload import Floats, Integers

Marks = NDArray[np.bool_]
TOUCHING_SECONDS = 1e-3
"""An id may begin again so much before its end: clocks have milliseconds."""


def copies(starts: Floats, ends: Floats, pools: Integers, keys: Integers, late: Marks) -> Marks:
    """Lines with start, end, pool and id of one before them.

    Where most starts are of whole tenths of a second, lines can be equal by chance: there only those that are `late`.
    """
    order = np.lexsort((keys, pools, ends, starts))
    same = np.ones(max(len(starts) - 1, 0), dtype=bool)
    for column in (starts, ends, pools, keys):
        same &= np.diff(column[order]) == 0
    found = np.zeros(len(starts), dtype=bool)
    found[order[1:][same]] = True
    tenths = starts[:: len(starts) // 10_000 + 1] * 10
    is_fine = np.sum(np.abs(tenths - np.round(tenths)) > 1e-3) > len(tenths) / 2
    return found if is_fine else found & late


def still_open(keys: Integers, starts: Floats, ends: Floats) -> Marks:
    """Lines that begin before another of the same id has ended; not those without an id."""
    order = np.lexsort((starts, keys))
    found = np.zeros(len(starts), dtype=bool)
    if len(starts):
        found[order] = ~begins(keys[order], starts[order], ends[order], -TOUCHING_SECONDS)
    return np.asarray(found & (keys != 0))


def begins(keys: Integers, starts: Floats, ends: Floats, gap: float) -> Marks:
    """Whether a session begins with a line, in order of ids and starts: those of its id ended over `gap` before."""
    origin, width = starts.min(), ends.max() - starts.min() + abs(gap) + 1
    shift = np.cumsum(np.diff(keys, prepend=keys[0]) != 0) * width - origin  # each id has a time of its own
    latest = np.maximum.accumulate(ends + shift)[:-1]
    return np.concatenate([[True], (starts + shift)[1:] > latest + gap])
