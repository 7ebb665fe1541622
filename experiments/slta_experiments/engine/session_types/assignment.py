"""Optimal assignment, kept with each event: `slta_planning.evaluate.assignment` on flat arrays."""

from __future__ import annotations

from typing import NamedTuple

from slta.core.policies.choice import NOTHING
from slta_experiments.engine.compiling import inner
from slta_experiments.engine.state import Integers

START, UNREACHED = -1, -2
"""In `Assignment.kind`: a class where chains begin, and one that none reaches."""


class Assignment(NamedTuple):
    """Optimal assignment of T types to m classes, and scratch space of a search. Every class has pools."""

    members: Integers
    """members[t m + c]: 1 if type t may use class c."""
    marginals: Integers
    """marginals[base[c] + x] = Δ(c, x)."""
    base: Integers
    capacity: Integers
    pools: Integers
    flow: Integers
    """flow[t m + c]: sessions of type t in class c."""
    held: Integers
    """Sessions in class c."""
    utility: Integers
    """U*, one element."""
    nearer: Integers
    """Class before class c in the chain to it."""
    kind: Integers
    """Type whose sessions change between both."""
    queue: Integers
    """Classes in the order in which chains reach them."""
    expanded: Integers
    """1 for a type whose classes are reached."""


@inner
def reaches(at: Assignment, kind: int, pool_class: int, sign: int) -> bool:
    """Whether a chain can go to this class by sessions of the type: they may use it (one more), or do (one less)."""
    k = kind * len(at.held) + pool_class
    return bool(at.members[k] == 1 if sign > 0 else at.flow[k] > 0)


@inner
def reach_all(at: Assignment, kind: int, nearer: int, by: int, count: int, sign: int) -> int:
    """Append the classes that the type reaches to the queue of `count`; return its new length."""
    for c in range(len(at.held)):
        if at.kind[c] == UNREACHED and reaches(at, kind, c, sign):
            at.kind[c] = by
            at.nearer[c] = nearer
            at.queue[count] = c
            count += 1
    return count


@inner
def search(at: Assignment, kind: int, sign: int) -> int:
    """Fill the queue with the classes that chains reach; return its length. O(classes · types)."""
    m = len(at.held)
    for c in range(m):
        at.kind[c] = UNREACHED
    for t in range(len(at.expanded)):
        at.expanded[t] = 0
    count, k = reach_all(at, kind, NOTHING, START, 0, sign), 0
    while k < count:
        c = at.queue[k]
        for t in range(len(at.expanded)):
            if at.expanded[t] == 0 and reaches(at, t, c, -sign):
                at.expanded[t] = 1
                count = reach_all(at, t, c, t, count, sign)
        k += 1
    return count


@inner
def shift(at: Assignment, kind: int, sign: int, end: int, worth: int) -> None:
    """One session more or less, at the end of a chain. O(classes)."""
    m = len(at.held)
    at.utility[0] += sign * worth
    at.held[end] += sign
    c = end
    while at.kind[c] != START:
        t, nearer = at.kind[c], at.nearer[c]
        at.flow[t * m + c] += sign
        at.flow[t * m + nearer] -= sign
        c = nearer
    at.flow[kind * m + c] += sign


@inner
def add(at: Assignment, kind: int) -> None:
    """Add a session of a type: the best next place that a chain reaches. There must be room."""
    count = search(at, kind, 1)
    end, worth = NOTHING, 0
    for k in range(count):
        c = at.queue[k]
        level = at.held[c] // at.pools[c]
        if level < at.capacity[c]:
            marginal = at.marginals[at.base[c] + level]
            if end == NOTHING or marginal > worth:
                end, worth = c, marginal
    shift(at, kind, 1, end, worth)


@inner
def remove(at: Assignment, kind: int) -> None:
    """Remove a session of a type: the worst filled place that a chain reaches."""
    count = search(at, kind, -1)
    end, worth = NOTHING, 0
    for k in range(count):
        c = at.queue[k]
        marginal = at.marginals[at.base[c] + (at.held[c] - 1) // at.pools[c]]
        if end == NOTHING or marginal < worth:
            end, worth = c, marginal
    shift(at, kind, -1, end, worth)
