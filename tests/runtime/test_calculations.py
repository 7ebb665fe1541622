"""The process that calculates bounds: it answers, it is bounded, and it does not outlive anybody."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from slta.calculations import client, worker
from slta.calculations.client import CalculationFailedError, Calculator
from testbed.awaiting import eventually
from testbed.processes import memory_kib

TABLES = {"classes": [0, 1], "marginals": [[5.0], [3.0]], "sets": [[1]]}
QUESTION = json.dumps([[TABLES, [10.0, 2.0, 2.0, 2.0]]])
"""Two sessions that may use the second class only, on two pools of each: they earn 6 where 10 would be the most."""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def maps_of(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")


async def test_one_process_of_the_lowest_priority_answers() -> None:
    calculator = Calculator()
    assert await calculator.ask(QUESTION) == [4.0]
    pid = calculator.pid
    assert pid is not None
    assert os.getpriority(os.PRIO_PROCESS, pid) == worker.MAX_NICENESS
    assert await calculator.ask("[]") == []
    assert calculator.pid == pid
    await calculator.end()
    assert not is_running(pid)
    assert calculator.pid is None


async def test_it_needs_next_to_nothing_of_the_dispatcher() -> None:
    """Neither the web, nor Redis, nor reading files: so it takes a few MB."""
    calculator = Calculator()
    await calculator.ask(QUESTION)
    assert calculator.pid is not None
    maps = maps_of(calculator.pid)
    resident = memory_kib(calculator.pid, "VmRSS")
    await calculator.end()
    assert "site-packages" not in maps
    assert resident < 32 * 1024


async def test_a_process_that_was_killed_fails_one_question() -> None:
    calculator = Calculator()
    await calculator.ask(QUESTION)
    assert calculator.pid is not None
    os.kill(calculator.pid, signal.SIGKILL)
    with pytest.raises(CalculationFailedError):
        await calculator.ask(QUESTION)
    assert await calculator.ask(QUESTION) == [4.0]
    await calculator.end()


async def test_a_question_that_is_cancelled_while_it_waits_ends_no_other() -> None:
    calculator = Calculator()
    first, second = (asyncio.create_task(calculator.ask(question)) for question in (QUESTION, "[]"))
    await eventually(lambda: calculator.pid is not None)
    second.cancel()
    assert await first == [4.0]
    await calculator.end()


async def test_a_process_that_cannot_start_fails_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of processes or of open files, for a while."""

    async def start() -> asyncio.subprocess.Process:
        monkeypatch.undo()
        raise BlockingIOError("no process is left")

    monkeypatch.setattr(client, "_start", start)
    calculator = Calculator()
    with pytest.raises(CalculationFailedError):
        await calculator.ask(QUESTION)
    assert await calculator.ask(QUESTION) == [4.0]
    await calculator.end()


def test_what_takes_too_much_processor_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    priorities: list[tuple[int, int, int]] = []
    monkeypatch.setattr(worker, "MAX_SECONDS", 0.01)
    monkeypatch.setattr(os, "setpriority", lambda *which: priorities.append(which))
    monkeypatch.setattr(sys, "stdin", [json.dumps(json.loads(QUESTION) * 100_000)])
    monkeypatch.setattr(sys.stdout, "write", sent.append)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGPROF)
    gc.disable()  # an exception in a callback of the collector, which Hypothesis adds, is lost
    try:
        worker.main()
    finally:
        gc.enable()
        for number, handler in zip((signal.SIGINT, signal.SIGPROF), before, strict=True):
            signal.signal(number, handler)
    assert sent == ["null\n"]
    assert priorities == [(os.PRIO_PROCESS, 0, 19)]


async def test_the_process_ends_when_nobody_asks_and_begins_again() -> None:
    calculator = Calculator()
    await calculator.ask(QUESTION)
    await calculator.rest(3600)
    assert calculator.pid is not None
    await calculator.rest(0)
    assert calculator.pid is None
    assert await calculator.ask(QUESTION) == [4.0]
    await calculator.end()


PARENT = f"""
import asyncio, subprocess
from slta.calculations.client import Calculator
async def main():
    calculator = Calculator()
    await calculator.ask({QUESTION!r})
    questions = calculator._process.stdin.transport.get_extra_info("pipe").fileno()
    holder = subprocess.Popen(["sleep", "100"], stdout=subprocess.DEVNULL, pass_fds=[questions])
    print(calculator.pid, holder.pid, flush=True)
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
