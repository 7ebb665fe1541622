"""The end of a process whose client for threads is not closed, of its children, and an interrupt."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from concurrent.futures import ThreadPoolExecutor

import pytest

from slta_client.sync_client import _Loop
from testbed.awaiting import eventually
from testbed.gate import Gate, Silence
from testbed.live_fleet import Fleet
from tests.docs.pages import ROOT

BEGIN = """
import contextlib, multiprocessing, os, signal, sys
from slta_client import Client
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background of a shell
client = Client(sys.argv[1], sys.argv[2], timeout=30)
blocks = contextlib.ExitStack()
"""
ENTER = "blocks.enter_context(client.session('u-7'))\n"
TELL = "print('ready', flush=True); sys.stdin.read()\n"
LEFT = {"after a block": "with client.session('u-7'): pass", "in a block": ENTER}
CHILDREN = {
    "fork": "if not os.fork(): sys.exit()\nos.wait()",
    "fork and a session of its own": "if not os.fork(): client.session('childs').__enter__(); sys.exit()\nos.wait()",
    "fork and the end of the block": "if not os.fork(): blocks.close(); sys.exit()\nos.wait()",
    "multiprocessing": "p = multiprocessing.get_context('fork').Process(target=int)\np.start(); p.join()",
}


async def start(url: str, fleet: str, code: str) -> Process:
    """A Python process with the code."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", BEGIN + code, url, fleet]
    environment = {"PYTHONPATH": str(ROOT / "clients/python")}
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment)


async def end(process: Process) -> str:
    """What it wrote to standard error."""
    _, errors = await process.communicate(b"")
    assert process.returncode == 0, errors
    return errors.decode()


@pytest.mark.parametrize("code", LEFT.values(), ids=LEFT)
async def test_what_a_process_leaves_is_ended_at_its_exit(fleet: Fleet, code: str) -> None:
    assert await end(await start(fleet.service.url, fleet.name, code)) == ""
    assert (fleet.status("u-7"), fleet.live) == (409, 0)


async def test_the_exit_does_not_wait_for_an_slta_that_is_silent(fleet: Fleet, between: Gate) -> None:
    between.choose = lambda request: Silence(applied=False) if request.call == "operations" else None
    await end(await start(between.url, fleet.name, ENTER))
    assert fleet.status("u-7") == 200


@pytest.mark.parametrize("code", CHILDREN.values(), ids=CHILDREN)
async def test_a_child_ends_nothing_of_its_parent(fleet: Fleet, code: str) -> None:
    process = await start(fleet.service.url, fleet.name, f"{ENTER}{code}\n{TELL}")
    assert process.stdout is not None
    assert (await process.stdout.read(6)).strip() == b"ready"
    assert (fleet.status("u-7"), fleet.live) == (200, 1)
    assert await end(process) == ""
    assert fleet.live == 0


async def test_an_interrupted_placement_is_ended(fleet: Fleet, between: Gate) -> None:
    between.choose = lambda request: Silence(applied=True) if request.call == "assign" else None
    code = f"try: {ENTER.strip()}\nexcept KeyboardInterrupt: client.close()"
    process = await start(between.url, fleet.name, code)
    await eventually(lambda: between.replies)
    process.send_signal(signal.SIGINT)
    await end(process)
    assert fleet.status("u-7") == 409


def test_names_are_resolved_also_when_no_thread_can_be_started_any_more() -> None:
    loop, ended = _Loop(), ThreadPoolExecutor()
    ended.shutdown()
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(loop.run_in_executor(ended, lambda: 1 / 0))
    assert loop.run_until_complete(loop.run_in_executor(ended, int, "7")) == 7
    loop.close()
