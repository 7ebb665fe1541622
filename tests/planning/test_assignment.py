"""U*(N_1 … N_T, A) of the assignment that is kept with each event."""

from __future__ import annotations

import random

from slta_planning.evaluate.assignment import Assignment
from tests import naive_types
from tests.core.session_types.worlds import World, world


def kept(at: World) -> Assignment:
    return Assignment(at.sets, at.pools, at.marginals)


def brute(at: World, sessions: list[int]) -> int | None:
    return naive_types.optimum(list(map(set, at.sets.members)), at.pools, at.marginals, sessions)


def test_each_arrival_and_departure_keeps_the_optimum() -> None:
    for seed in range(60):
        rng = random.Random(seed)
        at = world(rng, classes=3, types=3, capacity=3, pools=2)
        assignment, sessions = kept(at), [0] * len(at.flow)
        for _ in range(25):
            kind = rng.randrange(len(sessions))
            if rng.random() < 0.4 and sessions[kind]:
                sessions[kind] -= 1
                assignment.remove(kind)
            elif brute(at, [n + (t == kind) for t, n in enumerate(sessions)]) is not None:
                sessions[kind] += 1
                assignment.add(kind)
            assert assignment.utility == brute(at, sessions)
            assert [sum(row) for row in assignment.flow] == sessions


def test_the_assignment_of_many_sessions_at_once_is_optimal_too() -> None:
    for seed in range(60):
        rng = random.Random(seed)
        at = world(rng, classes=3, types=3, capacity=3, pools=2)
        one_by_one, sessions = kept(at), [0] * len(at.flow)
        for _ in range(rng.randint(0, 12)):
            kind = rng.randrange(len(sessions))
            if brute(at, [n + (t == kind) for t, n in enumerate(sessions)]) is not None:
                sessions[kind] += 1
                one_by_one.add(kind)
        at_once = Assignment.of(at.sets, at.pools, at.marginals, sessions)
        assert at_once.utility == one_by_one.utility
        assert [sum(row) for row in at_once.flow] == sessions


def test_a_session_makes_room_by_a_chain_of_exchanges() -> None:
    # Type 0 may use class 0 only. Types 1 and 2 have filled it and class 1: one of each has to move on.
    at = world(random.Random(0))
    at.sets = type(at.sets)(((0,), (0, 1), (1, 2)))
    at.marginals, at.columns = [[9], [8], [7]], [[0], [0], [0]]
    assignment = kept(at)
    for kind in (1, 2, 0):
        assignment.add(kind)
    assert (assignment.utility, assignment.flow) == (24, [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
