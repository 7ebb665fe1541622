import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from itertools import count

import pytest

from slta_loadgen.agenda import Agenda
from slta_loadgen.kernel_timer import KernelTimer, LoopTimer, Timer

TIMERS = [
    pytest.param(KernelTimer, marks=pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")),
    LoopTimer,
]


async def another_timer(kind: Callable[..., Timer]) -> None:
    """Whatever was due by now has happened."""
    called = asyncio.Event()
    timer = kind(asyncio.get_running_loop(), called.set)
    timer.set(0.001)
    await called.wait()
    timer.close()


@pytest.fixture
async def agenda() -> AsyncIterator[Agenda]:
    agenda = Agenda(time.monotonic)
    yield agenda
    agenda.close()


async def test_appointments_are_kept_in_the_order_of_their_moments_and_none_early(agenda: Agenda) -> None:
    kept: list[tuple[int, bool]] = []
    now = time.monotonic()
    done = asyncio.Event()

    def note(number: int, moment: float) -> None:
        kept.append((number, time.monotonic() >= moment))

    for k in (3, 1, 2):
        moment = now + 0.002 * k
        agenda.at(moment, partial(note, k, moment))
    agenda.at(now + 0.008, done.set)
    await done.wait()

    assert kept == [(1, True), (2, True), (3, True)]


async def test_those_of_one_moment_are_kept_in_the_order_in_which_they_were_made(agenda: Agenda) -> None:
    kept: list[int] = []
    moment = time.monotonic() + 0.001
    for k in range(5):
        agenda.at(moment, partial(kept.append, k))
    await agenda.sleep_until(moment)
    await asyncio.sleep(0)

    assert kept == [0, 1, 2, 3, 4]


async def test_a_cancelled_appointment_is_not_kept_even_if_it_is_due_by_then(agenda: Agenda) -> None:
    kept: list[str] = []
    done = asyncio.Event()
    past = time.monotonic() - 1
    agenda.at(past, lambda: kept.append("cancelled")).cancel()
    agenda.at(past, lambda: kept.append("kept"))
    agenda.at(past, done.set)
    await done.wait()

    assert kept == ["kept"]


async def test_one_that_fails_does_not_keep_the_others_from_their_turn(agenda: Agenda) -> None:
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))
    done = asyncio.Event()
    agenda.at(0.0, partial(next, iter(())))
    agenda.at(0.0, done.set)
    await done.wait()

    assert [type(error) for error in errors] == [StopIteration]


async def test_sleeping_until_a_moment_that_is_past_lets_others_proceed(agenda: Agenda) -> None:
    proceeded: list[bool] = []
    asyncio.get_running_loop().call_soon(lambda: proceeded.append(True))
    await agenda.sleep_until(0.0)

    assert proceeded == [True]


async def test_a_cancelled_sleeper_leaves_the_agenda_as_it_was(agenda: Agenda) -> None:
    sleeping = asyncio.create_task(agenda.sleep_until(time.monotonic() + 0.002))
    await asyncio.sleep(0)
    sleeping.cancel()
    await agenda.sleep_until(time.monotonic() + 0.004)

    assert sleeping.cancelled()


async def test_nothing_is_kept_after_closing() -> None:
    kept: list[bool] = []
    agenda = Agenda(time.monotonic)
    agenda.at(0.0, lambda: kept.append(True))
    agenda.close()
    await another_timer(LoopTimer)

    assert kept == []


@pytest.fixture(params=TIMERS)
def timer_kind(request: pytest.FixtureRequest) -> Callable[..., Timer]:
    kind: Callable[..., Timer] = request.param
    return kind


async def test_a_timer_calls_back_once_and_at_the_latest_moment_it_was_set_for(timer_kind: type[KernelTimer]) -> None:
    calls = count()
    called = asyncio.Event()

    def act() -> None:
        next(calls)
        called.set()

    timer = timer_kind(asyncio.get_running_loop(), act)
    timer.set(1_000.0)
    timer.set(0.0)
    await called.wait()
    await another_timer(timer_kind)
    timer.close()

    assert next(calls) == 1


async def test_a_closed_timer_is_silent(timer_kind: type[KernelTimer]) -> None:
    calls: list[bool] = []
    timer = timer_kind(asyncio.get_running_loop(), lambda: calls.append(True))
    timer.set(0.0)
    timer.close()
    await another_timer(timer_kind)

    assert calls == []


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
async def test_most_sleeps_end_sooner_than_a_timer_of_whole_milliseconds_could_let_them(agenda: Agenda) -> None:
    """Of 50 sleeps of a millisecond and a half, the earliest ten are less than 0.4 ms late, even on a busy machine."""
    late: list[float] = []
    for _ in range(50):
        moment = time.monotonic() + 0.0015
        await agenda.sleep_until(moment)
        late.append(time.monotonic() - moment)

    assert min(late) >= 0
    assert sorted(late)[9] < 0.0004
