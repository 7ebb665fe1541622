"""The queue of placements' calls, without I/O: how many are under way, what leaves together, and who is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from slta_client.calls import BULK, MAX_BULKS, MAX_UNDER_WAY, Calls, Send
from slta_client.replies import Reply
from slta_client.timer import SLICE_SECONDS, Timer

Tasks = list["asyncio.Task[Reply]"]


class Desk:
    """Takes calls, and answers each when the test says so."""

    def __init__(self) -> None:
        self.calls = Calls(self._attempt)
        self.sent: list[Send] = []
        self._open: list[tuple[Send, asyncio.Future[Reply]]] = []

    async def _attempt(self, send: Send) -> Reply:
        self.sent.append(send)
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._open.append((send, reply))
        return await reply

    def ask(
        self, count: int, fleet: str = "f", session_id: str = "s-{}", patience: float = 60.0, priority: str = "high"
    ) -> Tasks:
        """Callers `s-0`, `s-1`, …"""
        bodies = [{"session_id": session_id.format(number), "priority": priority} for number in range(count)]
        sends = [Send(fleet, "assign", body, 60.0, patience=patience) for body in bodies]
        return [asyncio.create_task(self.calls.send(send)) for send in sends]

    async def answer(self) -> None:
        """Answer all that is under way; what waited is under way then."""
        await settled()
        open_ones, self._open = self._open, []
        for send, reply in open_ones:
            if not reply.done():
                reply.set_result(Reply(200, "", answer_to(send)))
        await settled()


async def settled() -> None:
    """Let all tasks run until each waits."""
    for _ in range(10):
        await asyncio.sleep(0)


def answer_to(send: Send) -> dict[str, Any]:
    """Each placement's reply has its id as pool."""
    body = dict(send.body or {})
    if send.call == "assign":
        return {"pool_id": body["session_id"]}
    outcomes = [{"status": 200, "body": {"pool_id": one["assign"]["session_id"]}} for one in body["operations"]]
    return {"outcomes": outcomes}


def sizes(desk: Desk) -> list[int]:
    return [len((send.body or {}).get("operations", [1])) for send in desk.sent]


async def test_what_waits_for_one_of_the_calls_under_way_leaves_in_bulk_calls_and_in_order() -> None:
    desk, count = Desk(), MAX_UNDER_WAY + MAX_BULKS * BULK + 5
    tasks = desk.ask(count)
    await settled()
    assert sizes(desk) == [1] * MAX_UNDER_WAY
    await desk.answer()
    assert sizes(desk)[MAX_UNDER_WAY:] == [BULK] * MAX_BULKS
    await desk.answer()
    await desk.answer()
    replies = [await task for task in tasks]
    assert [one.text("pool_id") for one in replies] == [f"s-{number}" for number in range(count)]
    assert replies[-1].waited > 0
    assert sizes(desk)[-1] == 5


@pytest.mark.parametrize(("fleet", "priority"), [("b", "high"), ("f", "low")])
async def test_queues_of_fleets_and_priorities_take_turns_and_do_not_mix(fleet: str, priority: str) -> None:
    desk = Desk()
    asked = desk.ask(MAX_UNDER_WAY) + desk.ask(BULK + 2) + desk.ask(2, fleet, priority=priority)
    for _ in range(4):
        await desk.answer()
    await asyncio.gather(*asked)
    assert sizes(desk)[MAX_UNDER_WAY:] == [BULK, 2, 2]
    assert desk.sent[MAX_UNDER_WAY + 1].fleet == fleet


@pytest.mark.parametrize("session_id", ["a b{}", "", "x" * 129])
async def test_an_id_that_slta_refuses_leaves_alone(session_id: str) -> None:
    desk = Desk()
    asked = desk.ask(MAX_UNDER_WAY) + desk.ask(3) + desk.ask(2, session_id=session_id)
    await desk.answer()
    await desk.answer()
    await asyncio.gather(*asked)
    assert sorted(sizes(desk)[MAX_UNDER_WAY:]) == [1, 1, 3]


async def test_a_call_that_is_not_sent_in_time_is_busy_and_never_sent() -> None:
    desk = Desk()
    first, (late,) = desk.ask(MAX_UNDER_WAY), desk.ask(1, session_id="late", patience=0.01)
    assert (await late).code == "busy"
    await desk.answer()
    assert (len(await asyncio.gather(*first)), sizes(desk)) == (MAX_UNDER_WAY, [1] * MAX_UNDER_WAY)


async def test_a_delay_of_the_event_loop_counts_little(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, called = asyncio.get_running_loop(), list[float]()
    now = [loop.time()]
    monkeypatch.setattr(loop, "time", lambda: now[0])
    Timer(2.5 * SLICE_SECONDS, lambda: called.append(now[0]))
    seen = []
    for seconds in (60, SLICE_SECONDS, SLICE_SECONDS):
        now[0] += seconds
        await settled()
        seen.append(len(called))
    assert seen == [0, 0, 1]


Pick = Callable[[Tasks, Tasks], Tasks]


@pytest.mark.parametrize(
    ("pick", "sent"),
    [
        (lambda _, queued: queued, MAX_UNDER_WAY),
        (lambda first, _: first, MAX_UNDER_WAY + 1),
        (lambda first, queued: first + queued, MAX_UNDER_WAY),
    ],
)
async def test_a_cancelled_caller_leaves_no_call_and_makes_room(pick: Pick, sent: int) -> None:
    desk = Desk()
    first, queued = desk.ask(MAX_UNDER_WAY), desk.ask(3)
    await settled()
    for task in pick(first, queued):
        task.cancel()
    await settled()
    await desk.answer()
    assert len(desk.sent) == sent
    await desk.answer()
    assert not desk.calls._under_way
    await asyncio.gather(*first, *queued, return_exceptions=True)


async def test_a_bulk_call_is_given_up_with_its_last_caller() -> None:
    desk = Desk()
    first, queued = desk.ask(MAX_UNDER_WAY), desk.ask(3)
    await desk.answer()
    for task in queued[:2]:
        task.cancel()
    await settled()
    assert len(desk.calls._under_way) == 1
    queued[2].cancel()
    await settled()
    assert not desk.calls._under_way
    await asyncio.gather(*first, *queued, return_exceptions=True)
