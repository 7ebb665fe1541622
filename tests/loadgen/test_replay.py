import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
from aiohttp.test_utils import unused_port

from slta_loadgen.client import Client
from slta_loadgen.replay import Drain, Replay, ReplaySettings
from slta_loadgen.retry import RetryPolicy
from slta_loadgen.workload import PlannedSession
from testbed.awaiting import eventually
from tests.loadgen.standin import DROP_AFTER, DROP_BEFORE, Fault, StandIn

QUICK = RetryPolicy(first_delay_seconds=0.001, longest_delay_seconds=0.001, settle_every_seconds=0.01)
ONCE = RetryPolicy(attempts=1, settle_every_seconds=0.01)
NEVER_SETTLE = RetryPolicy(attempts=1, settle_every_seconds=1_000)
LONG = 1_000.0


def at_once(sessions: int, duration_seconds: float = 0.0) -> list[PlannedSession]:
    return [PlannedSession(0.0, duration_seconds)] * sessions


def known(milliseconds: float | None) -> float:
    assert milliseconds is not None
    return milliseconds


@asynccontextmanager
async def replaying(
    service: StandIn, workload: Iterable[PlannedSession], clock: Callable[[], float] = time.monotonic, **settings: Any
) -> AsyncIterator[Replay]:
    async with service.serving() as url, Client(url, "default") as client:
        yield Replay(client, workload, ReplaySettings(**{"retries": QUICK} | settings), clock=clock)


async def replayed(service: StandIn, workload: Iterable[PlannedSession], **settings: Any) -> Replay:
    """Its end."""
    async with replaying(service, workload, **settings) as replay:
        await replay.run()
    return replay


async def test_arrivals_keep_coming_while_the_service_answers_none(service: StandIn) -> None:
    """A closed loop would wait for the first answer for ever: the service gives none until all have arrived."""
    service.open_gate.clear()
    workload = [PlannedSession(0.001 * k, 0.0) for k in range(50)]
    async with replaying(service, workload) as replay:
        running = asyncio.create_task(replay.run())
        await service.has_received(50)
        assert replay.calls_in_flight == 50
        service.open_gate.set()
        await running

    assert replay.sessions.tally.placed == 50


async def test_a_stall_counts_in_the_latency_of_all_that_should_have_arrived_meanwhile(service: StandIn) -> None:
    """The clock jumps by 5 s in the first assign, over the moments of nine others due every half second."""
    jump = iter([5.0])
    offset = 0.0

    def stall() -> None:
        nonlocal offset
        offset += next(jump, 0.0)

    service.on_assign = stall
    workload = [PlannedSession(0.5 * k, LONG) for k in range(10)]
    clock = lambda: time.monotonic() + offset  # noqa: E731
    summary = (await replayed(service, workload, clock=clock, duration_seconds=5.0)).sessions.summary()

    # Due at 0.5, 1.0, … 4.5 and answered after 5: late by 4.5, … 0.5 s, and the first by 5.
    assert summary.assign_ms.count == 10
    assert known(summary.assign_ms.max) >= 5_000
    assert known(summary.assign_ms.p50) >= 0.995 * 2_500
    assert known(summary.lateness_ms.max) >= 4_500
    assert summary.target_rate == pytest.approx(10 / 5.0, rel=1e-3)


async def test_what_the_service_takes_is_told_apart_from_what_the_generator_is_late(service: StandIn) -> None:
    """The clock jumps by 3 s once the request has come in: none of that is lateness, all of it is the service's."""
    offset = 0.0
    service.open_gate.clear()
    clock = lambda: time.monotonic() + offset  # noqa: E731
    async with replaying(service, at_once(1), clock=clock) as replay:
        running = asyncio.create_task(replay.run())
        await service.has_received(1)
        offset = 3.0
        service.open_gate.set()
        await running
    summary = replay.sessions.summary()

    assert known(summary.service_ms.max) >= 3_000
    assert known(summary.lateness_ms.max) < 3_000
    assert known(summary.assign_ms.max) == pytest.approx(known(summary.service_ms.max) + known(summary.lateness_ms.max))


async def test_a_request_that_was_never_written_has_no_lateness() -> None:
    async with Client(f"http://127.0.0.1:{unused_port()}", "default") as client:
        replay = Replay(client, at_once(1), ReplaySettings(retries=ONCE))
        await replay.run()
    summary = replay.sessions.summary()

    assert (summary.assign_ms.count, summary.lateness_ms.count, summary.service_ms.count) == (1, 0, 0)


async def test_no_complete_is_sent_before_the_reply_to_its_assign(service: StandIn) -> None:
    service.open_gate.clear()
    async with replaying(service, at_once(20), drain=Drain.SCHEDULE) as replay:
        running = asyncio.create_task(replay.run())
        await service.has_received(20)
        assert [call for call, _ in service.requests] == ["assign"] * 20
        service.open_gate.set()
        await running

    for session_id in {session_id for _, session_id in service.requests}:
        assert [call for call, id_ in service.replies if id_ == session_id] == ["assign", "complete"]
    assert replay.sessions.summary().completions == 20


async def test_each_session_has_an_id_of_its_own_and_each_run_others(service: StandIn) -> None:
    await replayed(service, at_once(5))
    await replayed(service, at_once(5))

    assert len({session_id for _, session_id in service.requests}) == 10


async def test_seeded_ids_follow_from_the_prefix(service: StandIn) -> None:
    await replayed(service, at_once(3), id_prefix="lg7")

    assert {session_id for _, session_id in service.requests} == {"lg7-0", "lg7-1", "lg7-2"}


@pytest.mark.parametrize("prefix", ["", "a b", "ü", "x" * 101, '"'])
def test_a_prefix_that_makes_no_session_id_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        ReplaySettings(id_prefix=prefix)


@pytest.mark.parametrize("fault", [(503, "outcome_unknown"), (503, "store_unavailable"), DROP_BEFORE, DROP_AFTER])
@pytest.mark.parametrize("call", ["assign", "complete"])
async def test_a_lost_answer_is_asked_for_again_and_counted_once(service: StandIn, call: str, fault: Fault) -> None:
    service.faults[call].extend([fault, fault])
    replay = await replayed(service, at_once(1), drain=Drain.SCHEDULE)
    summary = replay.sessions.summary()

    assert Counter(service.requests)[call, f"{service.requests[0][1]}"] == 3
    assert (summary.arrivals, summary.placed, summary.completions, summary.errors) == (1, 1, 1, 0)
    assert summary.retries == 2
    assert sum(summary.outcomes[call].values()) == 1
    assert service.live == {} == replay.sessions.record.occupancies()


async def test_a_full_fleet_rejects_and_is_not_asked_again() -> None:
    service = StandIn(capacity=2)
    summary = (await replayed(service, at_once(5, LONG))).sessions.summary()

    assert (summary.arrivals, summary.placed, summary.rejections, summary.errors) == (5, 2, 3, 0)
    assert summary.outcomes["assign"] == {"placed": 2, "no_capacity": 3}
    assert len([call for call, _ in service.requests if call == "assign"]) == 5


async def test_a_place_given_without_an_answer_is_found_and_given_back(service: StandIn) -> None:
    service.faults["assign"].append(DROP_AFTER)
    summary = (await replayed(service, at_once(1), retries=ONCE, duration_seconds=0.2)).sessions.summary()

    assert (summary.placed, summary.errors, summary.unsettled_sessions) == (0, 1, 0)
    assert summary.outcomes["assign"] == {"disconnected": 1}
    assert summary.outcomes["settle"] == {"replayed": 1, "completed": 1}
    assert service.live == {}


async def test_what_is_unsettled_at_the_end_is_settled_by_the_drain(service: StandIn) -> None:
    service.faults["assign"].append(DROP_AFTER)
    service.faults["complete"].append((503, "outcome_unknown"))
    replay = await replayed(service, at_once(2), retries=NEVER_SETTLE, drain=Drain.SCHEDULE)
    summary = replay.sessions.summary()

    assert summary.errors == 2
    assert summary.outcomes["drain"] == {"replayed": 1, "completed": 2}
    assert summary.unsettled_sessions == 0
    assert service.live == {} == replay.sessions.record.occupancies()


async def test_a_dead_service_is_counted_and_ends_the_run_nonetheless() -> None:
    async with Client(f"http://127.0.0.1:{unused_port()}", "default") as client:
        replay = Replay(client, at_once(10), ReplaySettings(retries=QUICK))
        await replay.run()
    summary = replay.sessions.summary()

    assert (summary.arrivals, summary.errors, summary.achieved_rate) == (10, 10, 0.0)
    assert summary.outcomes["assign"] == {"unreachable": 10}
    assert summary.assign_ms.count == 10


async def test_a_complete_that_is_never_answered_leaves_an_unsettled_session(service: StandIn) -> None:
    service.faults["complete"].extend([(503, "store_unavailable")] * 5)
    replay = await replayed(service, at_once(1), retries=NEVER_SETTLE, drain=Drain.SCHEDULE)

    assert replay.sessions.summary().outcomes["drain"] == {"store_unavailable": 1}
    assert len(replay.sessions.unsettled) == 1
    assert replay.sessions.record.occupancies() == service.occupancies() != {}


async def test_kept_sessions_stay_with_nothing_in_flight_and_the_record_knows_each_pool(service: StandIn) -> None:
    workload = [PlannedSession(0.001 * k, 0.01 if k % 3 else LONG) for k in range(40)]
    async with replaying(service, workload, drain=Drain.KEEP) as replay:
        await replay.run()
        assert replay.calls_in_flight == 0
        assert len(replay.sessions.live) == len(service.live) >= 14
        assert replay.sessions.record.occupancies() == service.occupancies()
        await replay.sessions.complete_all()

    assert service.live == {} == replay.sessions.record.occupancies()


async def test_keeping_sessions_settles_those_in_doubt_so_that_the_record_is_exact(service: StandIn) -> None:
    service.faults["assign"].extend([DROP_AFTER, DROP_BEFORE, (503, "outcome_unknown")])
    replay = await replayed(service, at_once(6, LONG), retries=NEVER_SETTLE, drain=Drain.KEEP)

    assert len(replay.sessions.live) == 3
    assert len(replay.sessions.unsettled) == 0
    assert replay.sessions.record.occupancies() == service.occupancies()


async def test_on_schedule_the_last_session_is_waited_for(service: StandIn) -> None:
    replay = await replayed(service, [PlannedSession(0.0, 0.15)], drain=Drain.SCHEDULE)

    assert replay.sessions.summary().outcomes == {"assign": {"placed": 1}, "complete": {"completed": 1}}


async def test_draining_now_completes_what_would_have_lived_on(service: StandIn) -> None:
    summary = (await replayed(service, at_once(100, LONG))).sessions.summary()

    assert summary.completions == 0
    assert summary.outcomes["drain"] == {"completed": 100}
    assert service.live == {}


@pytest.mark.parametrize("drain", Drain)
async def test_stopping_ends_an_endless_run(service: StandIn, drain: Drain) -> None:
    workload = (PlannedSession(0.001 * k, LONG) for k in count())
    async with replaying(service, workload, drain=drain) as replay:
        running = asyncio.create_task(replay.run())
        await service.has_received(20)
        replay.stop()
        replay.stop()
        await running

    assert replay.calls_in_flight == 0
    assert bool(service.live) is (drain is Drain.KEEP)


async def test_stopping_before_the_run_sends_nothing(service: StandIn) -> None:
    async with replaying(service, at_once(5)) as replay:
        replay.stop()
        await replay.run()

    assert service.requests == []


async def test_a_cancelled_run_leaves_no_calls_and_no_timers(service: StandIn) -> None:
    service.open_gate.clear()
    async with replaying(service, at_once(5, LONG)) as replay:
        running = asyncio.create_task(replay.run())
        await service.has_received(5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert replay.calls_in_flight == 0
        service.open_gate.set()


async def test_arrivals_from_the_duration_on_are_not_sent(service: StandIn) -> None:
    workload = [PlannedSession(start, 0.0) for start in (0.0, 0.05, 0.1, 0.15)]
    replay = await replayed(service, workload, duration_seconds=0.1)

    assert replay.sessions.summary().arrivals == 2
    assert replay.sessions.summary().window_seconds >= 0.1


async def test_the_warm_up_is_not_counted(service: StandIn) -> None:
    workload = [PlannedSession(0.0, 0.0)] * 7 + [PlannedSession(0.6, LONG)] * 3
    summary = (await replayed(service, workload, warm_up_seconds=0.5, drain=Drain.NOW)).sessions.summary()

    assert (summary.arrivals, summary.placed, summary.completions) == (3, 3, 0)
    assert summary.assign_ms.count == 3


async def test_long_sessions_are_renewed_and_those_the_service_ended_are_taken_off() -> None:
    service = StandIn(lease_seconds=0.06)
    async with replaying(service, at_once(3, LONG), drain=Drain.SCHEDULE) as replay:
        running = asyncio.create_task(replay.run())
        await eventually(lambda: len(replay.sessions.live) == 3)
        expired = next(iter(service.live))
        service.expire(expired)
        await eventually(lambda: len(replay.sessions.live) == 2)
        assert replay.sessions.record.occupancies() == service.occupancies()
        replay.stop()
        await running

    assert len(service.renewals[0]) == 3
    assert ("complete", expired) not in service.requests
    assert replay.sessions.summary().outcomes["renew"] == {"ended": 1}


@pytest.mark.parametrize("lease_seconds", [None, 0.0, 30.0])
async def test_a_lease_is_asked_for_only_if_one_was_chosen(service: StandIn, lease_seconds: float | None) -> None:
    await replayed(service, at_once(1), lease_seconds=lease_seconds)

    assert service.bodies[0].get("lease_seconds") == lease_seconds


async def test_a_workload_that_fails_ends_the_run_with_its_error(service: StandIn) -> None:
    def workload() -> Iterator[PlannedSession]:
        yield PlannedSession(0.0, LONG)
        raise ValueError("line 3")

    async with replaying(service, workload()) as replay:
        with pytest.raises(ExceptionGroup) as error:
            await replay.run()

    assert error.group_contains(ValueError, match="line 3")
