"""The process that predicts: a real one each time; it answers, it is bounded, and it does not outlive anybody."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from slta.calculations import client as predictor_module
from slta.calculations import worker
from slta.calculations.client import Answer, CalculationFailedError, Calculator
from slta.core.expected_gap import expected_placement_gap
from slta.core.fleet import FleetSpec
from slta.core.optimum import optimum
from slta.expected_gap.cache import MAX_ANSWERS, SHOWN_SECONDS, ExpectedGapCache, predict
from slta.fleet_file import FleetFile
from slta.models import Snapshot
from slta.views.expected_gap import PENDING, ExpectedGap, ExpectedGapQuestion, question_at
from testbed.awaiting import eventually
from testbed.processes import memory_kib
from tests.views.test_views import class_snapshot, integrals, snapshot


def spec_of(levels: int = 12, policy: str = "jlmu") -> FleetSpec:
    """Two classes with logarithmic curves."""
    curves = {name: {"kind": "log_share", "resource": resource} for name, resource in (("a", 20), ("b", 30))}
    classes = [{"name": name, "capacity": levels, "utility": curve} for name, curve in curves.items()]
    return FleetFile.read({"policy": policy, "classes": classes}).to_spec()


SPEC = spec_of()


def question(sessions: float, pools: int = 10, spec: FleetSpec = SPEC, **changes: Any) -> ExpectedGapQuestion:
    asked = question_at(snapshot([pools], [pools], **changes), spec, [pools, pools], sessions)
    assert isinstance(asked, ExpectedGapQuestion)
    return asked


def present(sessions: int, pools: int = 10, **changes: Any) -> Snapshot:
    """A fleet with so many sessions, one a pool at most."""
    return snapshot([pools, sessions // 2], [pools, sessions - sessions // 2], sessions=sessions, **changes)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def maps_of(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")


async def test_the_process_says_what_the_core_says() -> None:
    predictor, asked = Calculator(), question(100.0)
    found, _ = await predict(predictor, asked)
    assert found.gap == expected_placement_gap(SPEC.ranking, (10, 10), asked.sessions)
    assert found.relative is not None
    assert 0 < found.relative < found.gap
    assert found.reason is None
    pid = predictor.pid
    assert pid is not None
    assert os.getpriority(os.PRIO_PROCESS, pid) == worker.MAX_NICENESS
    await predict(predictor, question(50.0))
    assert predictor.pid == pid
    await predictor.end()
    assert not is_running(pid)
    assert predictor.pid is None


async def test_it_needs_next_to_nothing_of_the_dispatcher() -> None:
    """Neither the web, nor Redis, nor reading files: so it takes a few MB."""
    predictor = Calculator()
    await predict(predictor, question(100.0))
    assert predictor.pid is not None
    maps, resident = maps_of(predictor.pid), memory_kib(predictor.pid, "VmRSS")
    await predictor.end()
    assert "site-packages" not in maps
    assert resident < 32 * 1024


async def test_a_process_that_was_killed_fails_one_question() -> None:
    predictor = Calculator()
    await predict(predictor, question(100.0))
    assert predictor.pid is not None
    os.kill(predictor.pid, signal.SIGKILL)
    with pytest.raises(CalculationFailedError):
        await predict(predictor, question(50.0))
    assert (await predict(predictor, question(50.0)))[0].gap is not None
    await predictor.end()


async def test_a_question_that_is_cancelled_while_it_waits_ends_no_other() -> None:
    predictor = Calculator()
    first, second = (asyncio.create_task(predict(predictor, question(sessions))) for sessions in (100.0, 50.0))
    await eventually(lambda: predictor.pid is not None)
    second.cancel()
    assert (await first)[0].gap is not None
    await predictor.end()


async def test_a_process_that_cannot_start_fails_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of processes or of open files, for a while: answers come as soon as it starts."""
    expected_gaps, started = ExpectedGapCache(pause_seconds=0), []

    async def start() -> asyncio.subprocess.Process:
        started.append(1)
        if len(started) < 3:
            raise BlockingIOError("no process is left")
        return await really_start()

    really_start = predictor_module._start
    monkeypatch.setattr(predictor_module, "_start", start)
    async with expected_gaps.under_way():
        await eventually(lambda: expected_gaps.now(present(20), SPEC) != PENDING)
    assert len(started) == 3


async def test_what_would_take_too_long_is_too_large() -> None:
    predictor = Calculator()
    found, _ = await predict(predictor, question(16 * 32_768.0, pools=32_768, spec=spec_of(40)))
    await predictor.end()
    assert found == ExpectedGap(reason="too_large")


def test_what_takes_too_much_processor_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine the steps that are allowed may take longer than that."""
    asked = {
        "classes": [0] * 12 + [1] * 12,
        "marginals": [[1.0] * 12, [0.5] * 12],
        "pools": [60, 60],
        "sessions": 700.0,
    }
    sent: list[str] = []
    priorities: list[tuple[int, int, int]] = []
    monkeypatch.setattr(worker, "MAX_SECONDS", 0.01)
    monkeypatch.setattr(os, "setpriority", lambda *which: priorities.append(which))
    monkeypatch.setattr(sys, "stdin", [json.dumps(["expected_gap", asked])])
    monkeypatch.setattr(sys.stdout, "write", sent.append)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGPROF)
    try:
        worker.main()
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGPROF), before, strict=True):
            signal.signal(number, handler)
    [(found, seconds)] = map(json.loads, sent)
    assert seconds > 0
    assert found in (None, {"reason": "too_large"}), "wherever it was"
    assert priorities == [(os.PRIO_PROCESS, 0, 19)]


def test_an_order_that_is_not_by_marginal_has_no_prediction() -> None:
    asked = {"classes": [1, 0], "marginals": [[4.0], [3.0]], "pools": [9, 9], "sessions": 1.0}
    assert worker.expected_gap(asked) == {"reason": "order"}


def asked_of(sessions: float) -> dict[str, Any]:
    """Two pools of 20 places in all, of which sessions beyond the first ten are worth less."""
    marginals = [[5.0] * 5 + [1.0] * 5, [4.0] * 5 + [3.0] * 5]
    classes = [0] * 5 + [1] * 10 + [0] * 5
    return {"classes": classes, "marginals": marginals, "pools": [1, 1], "sessions": sessions}


def test_a_nearly_full_fleet_is_asked_with_its_offered_load() -> None:
    """Of 20 sessions 0.158892 are refused, of 19 0.13376144 (Erlang B for 20 places)."""
    present = 19 * (1 - 0.13376144)
    ranking = worker._ranking(asked_of(0)["classes"], asked_of(0)["marginals"])
    answer = worker.expected_gap(asked_of(present))
    assert answer["gap"] == pytest.approx(expected_placement_gap(ranking, [1, 1], 19.0), rel=1e-6)
    best = optimum(ranking, [1, 1], present)
    assert best is not None
    assert answer["relative"] == pytest.approx(answer["gap"] / (best.utility / 2))
    assert worker.expected_gap(asked_of(20 * (1 - 0.158892))) == {"reason": "nearly_full"}


async def test_a_read_takes_what_there_is_and_never_waits() -> None:
    expected_gaps = ExpectedGapCache(pause_seconds=0)
    now = present(20)
    assert expected_gaps.now(now, SPEC) == PENDING
    async with expected_gaps.under_way():
        await eventually(lambda: expected_gaps.now(now, SPEC) != PENDING)
        found = expected_gaps.now(now, SPEC)
        assert found.gap == expected_placement_gap(SPEC.ranking, (10, 10), question(20.0).sessions)
        # 1 % more sessions than the answer is for: it stands in. 5 % more: it does not.
        near, far = (
            present(20, integrals=integrals(time=100, sessions=(load * 100, 0.0)), past={300: integrals()})
            for load in (20.2, 21.0)
        )
        assert expected_gaps.now(near, SPEC) == found
        assert expected_gaps.now(far, SPEC) == PENDING
        # Other pools, another configuration, a fleet that was made anew: not the same fleet.
        for other in (present(20, pools=11), present(20, config_version=4), present(20, store_epoch=8)):
            assert expected_gaps.now(other, SPEC) == PENDING
        pid = expected_gaps.calculator.pid
    assert pid is not None
    assert not is_running(pid)


async def test_a_fleet_is_asked_about_once_in_a_pause() -> None:
    clock = [0.0]
    expected_gaps = ExpectedGapCache(pause_seconds=10, share=1, clock=lambda: clock[0])
    async with expected_gaps.under_way():
        expected_gaps.now(present(20), SPEC)
        await eventually(lambda: expected_gaps.now(present(20), SPEC) != PENDING)
        # Another fleet does not wait for this one's pause, and this one does.
        assert expected_gaps.now(present(12), SPEC) == PENDING
        await eventually(lambda: expected_gaps.now(present(12, fleet="g"), SPEC) != PENDING)
        assert expected_gaps.now(present(12), SPEC) == PENDING
        clock[0] = 10.0
        await eventually(lambda: expected_gaps.now(present(12), SPEC) != PENDING)


async def test_what_is_known_of_a_fleet_is_of_its_last_read_two_minutes_ago_at_most() -> None:
    clock = [0.0]
    expected_gaps = ExpectedGapCache(share=1, clock=lambda: clock[0])
    async with expected_gaps.under_way():
        assert expected_gaps.now(present(20), SPEC, by_scrape=True) == PENDING
        await eventually(lambda: bool(expected_gaps.known()))
    assert expected_gaps.known() == {"f": expected_gaps.now(present(20), SPEC)}
    clock[0] = SHOWN_SECONDS
    assert expected_gaps.known().keys() == {"f"}
    clock[0] = SHOWN_SECONDS + 1
    assert expected_gaps.known() == {}
    expected_gaps.now(present(20), SPEC)
    assert expected_gaps.known().keys() == {"f"}
    expected_gaps.now(present(20, classes=[class_snapshot("a", [9], draining_pools=1)]), SPEC)
    assert expected_gaps.known() == {}


async def test_after_a_prediction_the_process_rests_so_that_it_has_a_quarter_of_a_processor() -> None:
    spent = list[float]()

    class Watched(Calculator):
        async def ask(self, kind: str, question: str) -> Answer:
            answer = await super().ask(kind, question)
            spent.append(answer.seconds)
            return answer

    expected_gaps = ExpectedGapCache(Watched(), pause_seconds=0, clock=lambda: 0.0)

    def rest() -> float:
        turn = expected_gaps._schedule.next(["f"], 0.0)
        return turn.at if turn else 0.0

    async with expected_gaps.under_way():
        await eventually(lambda: expected_gaps.now(present(20), SPEC) != PENDING)
        await eventually(lambda: rest() > 0)
    assert rest() == pytest.approx(3 * sum(spent))


async def test_questions_what_if_do_not_hold_up_those_of_the_present() -> None:
    """Of each kind the newest waits, and they take turns."""
    expected_gaps = ExpectedGapCache(pause_seconds=0)
    for load in (30.0, 40.0, 50.0):
        expected_gaps.what_if(present(20), SPEC, [10, 10], load)
    expected_gaps.now(present(20), SPEC)
    async with expected_gaps.under_way():
        await eventually(lambda: expected_gaps.now(present(20), SPEC) != PENDING)
    assert expected_gaps.what_if(present(20), SPEC, [10, 10], 50.0) != PENDING
    assert expected_gaps.what_if(present(20), SPEC, [10, 10], 30.0) == PENDING


async def test_the_process_ends_when_nobody_asks_and_begins_again() -> None:
    expected_gaps = ExpectedGapCache(pause_seconds=0, idle_seconds=0.05)
    async with expected_gaps.under_way():
        expected_gaps.now(present(20), SPEC)
        await eventually(lambda: expected_gaps.now(present(20), SPEC) != PENDING)
        await eventually(lambda: expected_gaps.calculator.pid is None)
        await eventually(lambda: expected_gaps.now(present(12), SPEC) != PENDING)


async def test_only_so_many_answers_are_kept() -> None:
    expected_gaps = ExpectedGapCache(pause_seconds=0)
    loads = [10.0 * 1.1**k for k in range(MAX_ANSWERS + 1)]
    async with expected_gaps.under_way():
        for load in loads:
            await eventually(lambda load=load: expected_gaps.what_if(present(20), SPEC, [10, 10], load) != PENDING)  # type: ignore[misc]
        assert expected_gaps.what_if(present(20), SPEC, [10, 10], loads[1]) != PENDING
        assert expected_gaps.what_if(present(20), SPEC, [10, 10], loads[0]) == PENDING


PARENT = """
import asyncio, subprocess
from tests.expected_gap.test_cache import Calculator, predict, question
async def main():
    predictor = Calculator()
    await predict(predictor, question(100.0))
    questions = predictor._process.stdin.transport.get_extra_info("pipe").fileno()
    holder = subprocess.Popen(["sleep", "100"], stdout=subprocess.DEVNULL, pass_fds=[questions])
    print(predictor.pid, holder.pid, flush=True)
    await asyncio.sleep(100)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there is a death signal on Linux only")
async def test_it_ends_with_a_dispatcher_that_is_killed() -> None:
    """Though its questions do not end: somebody else holds the pipe open."""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid, holder = map(int, (await parent.stdout.readline()).split())
    assert is_running(pid)
    parent.kill()
    await parent.wait()
    try:
        await eventually(lambda: not is_running(pid))
    finally:
        os.kill(holder, signal.SIGKILL)
