"""The sender repeats what has no final outcome, in order, and counts the rest once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from slta.cli.target import target_of
from slta_client.replies import Reply
from slta_integrations.client import Client
from slta_integrations.follow import sender as sending
from slta_integrations.follow.live import LiveSessions
from slta_integrations.follow.log_line import Begin, End
from slta_integrations.follow.metrics import Metrics
from slta_integrations.follow.sender import Sender
from slta_integrations.notices import Notices
from testbed.awaiting import eventually
from tests.integrations.standin import StandIn, final, problem, standing_in

NOW = 1_900_000_000.0
"""A time that stands still."""


@dataclass
class Sent:
    """A sender, the service it talks to, its metrics and its stop."""

    service: StandIn
    sender: Sender
    metrics: Metrics
    stopping: asyncio.Event
    delays: list[float] = field(default_factory=list)

    async def send(self, *lines: Begin | End, age: float = 0) -> bool:
        return await self.sender.send(lines, NOW - age)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"slta_follow_{name}", labels) or 0


New = Callable[..., Awaitable[Sent]]


@pytest.fixture
async def new(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[New]:
    async with AsyncExitStack() as stack:

        async def made(*answers: Any, key_file: Path | None = None, lease: float | None = None) -> Sent:
            service = await stack.enter_async_context(standing_in(answers))
            client = await stack.enter_async_context(Client(target_of(service.url, "f", key_file)))
            metrics, stopping = Metrics(), asyncio.Event()
            live = LiveSessions(tmp_path / "live.log")
            notices = Notices("follow")
            sender = Sender(client, live, metrics, notices, lease_seconds=lease, stopping=stopping, clock=lambda: NOW)
            sent = Sent(service, sender, metrics, stopping)
            delay = sending._delay

            def noted(attempt: int, reply: Reply) -> float:
                sent.delays.append(delay(attempt, reply))
                return 0.001

            monkeypatch.setattr(sending, "_delay", noted)
            return sent

        yield made


BEGIN, END = Begin("a", "p"), End("a", "p", 12.5)
OTHER = End("b", "p", 1)


async def test_a_begin_is_a_report_and_an_end_a_complete(new: New) -> None:
    sent = await new()
    assert await sent.send(BEGIN, END)
    assert sent.service.calls == [[{"report": {"session_id": "a", "pool_id": "p"}}, {"complete": {"session_id": "a"}}]]


async def test_a_report_has_the_lease(new: New) -> None:
    sent = await new(lease=30.5)
    await sent.send(BEGIN)
    assert sent.service.calls == [[{"report": {"session_id": "a", "pool_id": "p", "lease_seconds": 30.5}}]]


@pytest.mark.parametrize(("age", "late"), [(0, None), (1, None), (1.1, True), (float("inf"), True)])
async def test_a_begin_that_may_be_old_is_reported_as_late(new: New, age: float, late: bool | None) -> None:
    sent = await new()
    await sent.send(BEGIN, age=age)
    assert sent.service.calls[0][0]["report"].get("late") is late


@pytest.mark.parametrize("kind", [None, "video"])
async def test_a_begin_is_reported_with_its_type(new: New, kind: str | None) -> None:
    sent = await new()
    await sent.send(BEGIN._replace(session_type=kind))
    assert sent.service.calls[0][0]["report"].get("session_type") == kind


@pytest.mark.parametrize(("age", "mark"), [(0, None), (120, None), (120.1, False), (float("inf"), False)])
async def test_an_old_end_leaves_no_mark(new: New, age: float, mark: bool | None) -> None:
    sent = await new()
    await sent.send(END, age=age)
    assert sent.service.calls[0][0]["complete"].get("mark") is mark


@pytest.mark.parametrize(
    "refusal",
    [
        (503, "store_unavailable", {}),
        (503, "overloaded", {}),
        (500, "internal_error", {}),
        (502, "bad_gateway", {}),
        (429, "rate_limited", {}),
        (401, "unauthenticated", {}),
        (403, "insufficient_scope", {}),
        (404, "unknown_fleet", {}),
        (422, "invalid_request", {}),
        (302, "elsewhere", {"Location": "http://127.0.0.1:1/"}),
    ],
)
async def test_a_call_that_is_refused_is_repeated_whole(new: New, refusal: Any) -> None:
    sent = await new(refusal, refusal)
    assert await sent.send(BEGIN, END)
    assert sent.service.ids == [[("report", "a"), ("complete", "a")]] * 3
    assert sent.count("calls_total", outcome=refusal[1]) == 2


@pytest.mark.parametrize(
    "code", ["outcome_unknown", "store_unavailable", "recovering", "overloaded", "fleet_damaged", "unknown_fleet"]
)
async def test_an_outcome_that_is_not_final_is_repeated_alone(new: New, code: str) -> None:
    operations = [{"complete": {"session_id": "a"}}, {"complete": {"session_id": "b"}}]
    sent = await new([problem(503, code), final(operations[1])])
    assert await sent.send(END, OTHER)
    assert sent.service.ids == [[("complete", "a"), ("complete", "b")], [("complete", "a")]]
    assert sent.count("answers_total", operation="complete", outcome="completed") == 2


async def test_what_follows_for_the_same_session_is_repeated_with_it_in_order(new: New) -> None:
    unknown = problem(404, "unknown_session")
    sent = await new([problem(503, "store_unavailable"), final({"complete": {"session_id": "b"}}), unknown])
    await sent.send(BEGIN, OTHER, END)
    assert sent.service.ids[1] == [("report", "a"), ("complete", "a")]
    assert sent.count("answers_total", operation="complete", outcome="unknown_session") == 0


@pytest.mark.parametrize("answer", [[], [{"status": 200}], [{"status": 200, "body": {}}, 1]])
async def test_a_malformed_answer_is_repeated(new: New, answer: Any) -> None:
    sent = await new(answer)
    await sent.send(END)
    assert len(sent.service.calls) == 2


@pytest.mark.parametrize("code", ["session_ended", "over_capacity", "reported_pool_unknown", "no_such_code_yet"])
async def test_other_outcomes_are_final_and_counted(new: New, code: str) -> None:
    sent = await new([problem(409, code)])
    assert await sent.send(BEGIN)
    assert len(sent.service.calls) == 1
    assert sent.count("answers_total", operation="report", outcome=code) == 1


async def test_a_session_on_another_pool_is_counted_once(new: New) -> None:
    moved = {"status": 200, "body": {"pool_id": "q", "outcome": "moved"}}
    ended = {"status": 200, "body": {"pool_id": "q", "outcome": "completed"}}
    sent = await new([moved, ended])
    await sent.send(Begin("a", "q"), End("a", "q", 1))
    assert sent.count("elsewhere_sessions_total") == 1


async def test_a_session_without_a_begin_line_that_ended_on_another_pool_is_counted(new: New) -> None:
    sent = await new()
    await sent.send(End("a", "q", 1), End("b", "p", 1), End("c", None, 1))
    assert sent.count("elsewhere_sessions_total") == 1


async def test_an_end_that_slta_had_already_is_not_counted_again(new: New) -> None:
    sent = await new([{"status": 200, "body": {"pool_id": "q", "outcome": "already_ended"}}])
    await sent.send(End("a", "p", 1))
    assert sent.count("elsewhere_sessions_total") == 0


async def test_the_seconds_of_a_session_that_nobody_knew_are_counted(new: New) -> None:
    sent = await new([problem(404, "unknown_session")])
    await sent.send(END)
    assert sent.count("unseen_session_seconds_total") == 12.5


@pytest.mark.parametrize("lines", [(BEGIN, END), (End("a", None, 12.5),)])
async def test_of_a_session_that_was_reported_or_had_no_pool_no_seconds_are_unseen(new: New, lines: Any) -> None:
    sent = await new([*(problem(409, "over_capacity") for _ in lines[1:]), problem(404, "unknown_session")])
    await sent.send(*lines)
    assert sent.count("unseen_session_seconds_total") == 0


async def test_delays_double_with_jitter_up_to_a_limit(new: New) -> None:
    sent = await new(*[(503, "overloaded", {})] * 8)
    await sent.send(END)
    bounds = [0.2, 0.4, 0.8, 1.6, 2, 2, 2, 2]
    assert [
        (delay, bound) for delay, bound in zip(sent.delays, bounds, strict=True) if not bound / 2 <= delay <= bound
    ] == []
    assert len(set(sent.delays[4:])) == 4


async def test_retry_after_is_respected(new: New) -> None:
    sent = await new((429, "rate_limited", {"Retry-After": "7"}), (503, "x", {"Retry-After": "100000"}))
    await sent.send(END)
    assert sent.delays == [7, 60]


async def test_a_refused_key_is_said_once_a_minute_and_lines_stay(new: New, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "slta.follow")
    sent = await new(*[(401, "unauthenticated", {})] * 5)
    assert await sent.send(END)
    assert caplog.messages == [
        "No answer from slta, the lines are kept: unauthenticated: about unauthenticated",
        "slta answers again.",
    ]


@pytest.mark.parametrize(
    ("answer", "messages"),
    [
        (
            (401, "unauthenticated", {}),
            ["No answer from slta, the lines are kept: unauthenticated: about unauthenticated"],
        ),
        ([problem(404, "unknown_fleet")], ["The fleet does not exist, the lines are kept: unknown_fleet"]),
        ([problem(404, "unknown_session")], []),
        ((503, "store_unavailable", {}), []),
    ],
)
async def test_a_check_logs_that_the_key_or_the_fleet_is_refused(
    new: New, caplog: pytest.LogCaptureFixture, answer: Any, messages: list[str]
) -> None:
    sent = await new(answer)
    await sent.sender.check()
    assert caplog.messages == messages


async def test_a_check_completes_a_session_that_nobody_has_and_leaves_no_mark(new: New) -> None:
    sent = await new()
    await sent.sender.check()
    assert sent.service.calls == [[{"complete": {"session_id": sending.CHECKED_SESSION, "mark": False}}]]


@pytest.mark.parametrize("replace", [Path.unlink, lambda file: file.write_text("")])
async def test_a_missing_key_file_is_waited_for(new: New, tmp_path: Path, replace: Callable[[Path], object]) -> None:
    file = tmp_path / "key"
    file.write_text("first\n")
    sent = await new(key_file=file)
    replace(file)
    sending_ = asyncio.create_task(sent.send(END))
    await eventually(lambda: sent.delays)
    assert sent.count("calls_total", outcome="key_unreadable") >= 1
    file.write_text("second\n")
    assert await sending_
    assert sent.service.keys == ["Bearer second"]


async def test_a_stop_ends_the_retries_after_the_call_under_way(new: New) -> None:
    sent = await new((503, "overloaded", {}))
    sent.stopping.set()
    assert not await sent.send(END)
    assert len(sent.service.calls) == 1


async def test_a_stop_does_not_undo_an_answer(new: New) -> None:
    sent = await new()
    sent.stopping.set()
    assert await sent.send(END)
