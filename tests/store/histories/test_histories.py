"""Random histories of two dispatchers whose store loses its last seconds: what was acknowledged comes back."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from testbed.servers import SERVERS, Server, own_server
from tests.store.histories.drawing import Drawing, shortest
from tests.store.histories.model import Violation
from tests.store.histories.playing import Act, Play, document

HISTORIES = 500
PUT = Act("put", words=(document("jlmu", {"small": 2, "large": 1}, 2, 0, {}),))
COPY, LOSE, SETTLE = Act("copy"), Act("lose", words=(0,)), Act("settle")


def operate(by: int, kind: str, session: str, lease: str = "", option: str = "") -> Act:
    return Act("operate", by, ((kind, session, lease, option),))


SHORT: dict[str, tuple[Act, ...]] = {
    "a placement goes to a pool that is full by now": (
        Act("put", words=(document("jlmu", {"small": 1, "large": 0}, 2, 0, {}),)),
        *(operate(0, "assign", f"s{k}") for k in range(2)),
        *(COPY, operate(1, "complete", "s0"), operate(0, "assign", "s2"), LOSE, operate(1, "assign", "s3")),
    ),
    "an unknown session is none that has ended": (
        *(PUT, COPY, operate(1, "assign", "s1"), LOSE, operate(0, "complete", "s1"), operate(0, "renew", "s1", "9")),
    ),
    "a session moved there and back": (
        *(PUT, operate(1, "report", "s1", "", "small-2"), COPY, operate(1, "report", "s1", "", "small-1")),
        *(operate(0, "report", "s1", "", "small-2"), LOSE, SETTLE),
    ),
    "who was told of an end finds no session": (
        *(PUT, operate(0, "report", "s1", "4", "small-1"), Act("seconds", words=(3,)), COPY),
        *(Act("seconds", words=(3,)), operate(0, "assign", "s1"), operate(1, "assign", "s2"), LOSE),
    ),
    "an end is final though it was acknowledged before another placement": (
        *(PUT, operate(0, "assign", "s1"), COPY, operate(0, "report", "s1", "", "small-1")),
        *(operate(1, "complete", "s1"), LOSE, SETTLE),
    ),
}
"""Histories that once lost something, or brought it back."""
FIRST = int(os.environ.get("SLTA_TEST_FIRST_HISTORY", "0"))
"""The seed of the first one: that of a failure, to play it again."""


@pytest.fixture(scope="module", params=sorted(SERVERS))
def volatile(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that forgets everything when it is killed."""
    with own_server(SERVERS[request.param], "--appendonly", "no") as server:
        yield server


async def check(server: Server, seed: int) -> None:
    """Play a history; where it violates the model, fail with the shortest one that does."""
    play = Play(server, seed)
    drawing = Drawing(play, seed)
    violations = (await play.run(aiter(drawing))).violations
    if not violations:
        return

    async def judge(acts: Sequence[Act]) -> Sequence[Violation]:
        return (await Play(server, seed).run(_each(acts))).violations

    short = await shortest(drawing.acts, violations[0].rule, judge)
    found = await judge(short)
    lines = [f"history {seed} of {len(drawing.acts)} acts, the shortest:", *map(str, short), *map(str, found)]
    pytest.fail("\n  ".join(lines), pytrace=False)


async def _each(acts: Sequence[Act]) -> AsyncIterator[Act]:
    for act in acts:
        yield act


@pytest.mark.parametrize("history", SHORT)
async def test_a_short_history_with_a_loss(volatile: Server, history: str) -> None:
    assert (await Play(volatile, 0).run(_each(SHORT[history]))).violations == []


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(FIRST, FIRST + HISTORIES))
async def test_nothing_acknowledged_is_missing_or_back_after_a_loss(volatile: Server, seed: int) -> None:
    await check(volatile, seed)
