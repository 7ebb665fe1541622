"""Instructions of the embedded server per operation, counted by callgrind under a fixed load and a virtual clock.

They repeat within .5 % and do not depend on what else the machine does. Needs valgrind; takes no arguments.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

from redis import Redis

from lab.benchmarks.lua_fleet import LuaFleet
from lab.benchmarks.session_types import SHAPES, TypedFleet
from lab.benchmarks.store import Shape
from testbed.servers import EMBEDDED, Server

CALLGRIND = ("valgrind", "--quiet", "--tool=callgrind", "--toggle-collect=processInputBuffer")
SETTINGS = ("--hash-seed", "1", "--hz", "1", "--appendfsync", "no")
CALLS = 24
"""Calls that a row is the mean of."""
FIRST, STEP = 1_700_000_000_000_000, 5000
"""Virtual time of the first call and from one to the next, in microseconds."""
Row = tuple[str, int, Callable[[], object]]
"""Name, operations in a call, and the call."""


def steady(fleet: LuaFleet, sessions: int) -> LuaFleet:
    """The fleet with this many sessions, in which calls are not timed."""
    fleet.clock = lambda _: 0.0
    fleet.fill(sessions)
    return fleet


def rows_of(redis: Redis) -> Iterator[Row]:
    """Rows in the order in which they must run."""
    LuaFleet.time = staticmethod(partial(next, count(FIRST, STEP)))
    for classes, types in SHAPES:
        for kinds in (1, types):
            made = steady(TypedFleet(redis, classes, kinds), 100 * classes)
            told = f"{classes} classes and {kinds} types" if kinds > 1 else f"{classes} classes"
            yield f"assign, {told}", 1, partial(made.assign, 1)
            yield f"complete, {told}", 1, partial(made.complete, 1)
    fleet = steady(Shape("slta", 100, 2).fleet(redis), 1000)
    for batch in (1, 8, 32, 128):
        yield f"assign in calls of {batch}", batch, partial(fleet.assign, batch)
        yield f"complete in calls of {batch}", batch, partial(fleet.complete, batch)
    yield "tick", 1, partial(fleet.run, "tick", "")
    yield "snapshot", 1, partial(fleet.run, "snapshot")
    columns = (" ".join(word(k) for k in range(100)) for word in ("pool-{}".format, lambda _: "10", lambda _: "-"))
    yield "heartbeats in calls of 100", 100, partial(fleet.run, "beat", *columns)


def instructions(folder: Path, pid: int) -> int:
    """Instructions since the last call."""
    subprocess.run(["callgrind_control", "--dump", str(pid)], check=True, capture_output=True)
    newest = max(folder.glob("callgrind.out.*.*"), key=lambda path: int(path.suffix[1:]))
    return int(re.findall(r"^(?:summary|totals): (\d+)", newest.read_text(encoding="utf-8"), re.MULTILINE)[-1])


def main() -> None:
    """Print a line for each row."""
    with tempfile.TemporaryDirectory(prefix="slta-") as name:
        folder = Path(name)
        under = (*CALLGRIND, f"--callgrind-out-file={folder}/callgrind.out.%p")
        with Server(folder, EMBEDDED, *SETTINGS, under=under) as server:
            for label, operations, call in rows_of(Redis.from_url(server.url)):
                call()
                instructions(folder, server.pid)
                for _ in range(CALLS):
                    call()
                each = instructions(folder, server.pid) / (CALLS * operations)
                print(f"{each:10,.0f}  {label}", flush=True)


if __name__ == "__main__":
    main()
