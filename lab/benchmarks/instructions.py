"""Instructions of the embedded server per operation, counted by callgrind under a fixed load and a virtual clock.

They repeat within 1 % and do not depend on what else the machine does. Together with the dispatcher's opcodes they are
compared with the table beside this file: exits with 1 if a row became dearer than its bar. Needs valgrind.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import count
from math import nan
from pathlib import Path

from redis import Redis

from lab.benchmarks.lua_fleet import LuaFleet
from lab.benchmarks.opcodes import opcodes
from lab.benchmarks.session_types import SHAPES, TypedFleet
from lab.benchmarks.store import Shape
from slta.store.operations import encode
from testbed.servers import EMBEDDED, Server

REQUEST = "processInputBuffer"
"""Function of the server that reads and runs the next call of a client."""
CALLGRIND = ("valgrind", "--quiet", "--tool=callgrind", f"--toggle-collect={REQUEST}", f"--dump-after={REQUEST}")
LISTPACKS = ("--hash-max-listpack-entries", "32", "--zset-max-listpack-entries", "32")
SETTINGS = ("--hash-seed", "1", "--hz", "1", "--appendfsync", "no", *LISTPACKS)
COLLECT = "#!lua name=collect\nredis.register_function('collect', function() collectgarbage() return 0 end)"
"""Library that runs Lua's collector, before each row: else a cycle may be under way in all calls of one."""
CALLS = 24
"""Calls that a row is the lowest decile of: in some of them the collector runs."""
FIRST, STEP = 1_700_000_000_000_000, 5000
"""Virtual time of the first call and from one to the next, in microseconds."""
TABLE = Path(__file__).with_suffix(".json")
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
    for batch in (1, 32, 100):
        ids = [f"pool-{k}" for k in range(batch)]
        beats = encode("beat", {"ids": ids, "ttls": ["10"] * batch, "counts": ["-"] * batch, "qualities": ()})
        yield f"heartbeats in calls of {batch}", batch, partial(fleet.run, "beat", *beats)


def dumps(folder: Path) -> list[Path]:
    """Those of callgrind, one for each call."""
    return sorted(folder.glob("callgrind.out.*.*"), key=lambda path: int(path.suffix[1:]))


def total(dump: Path) -> int:
    """Instructions of a dump."""
    return int(re.findall(r"^(?:summary|totals): (\d+)", dump.read_text(encoding="utf-8"), re.MULTILINE)[-1])


def instructions(folder: Path) -> Iterator[tuple[str, float]]:
    """Instructions per operation by row."""
    under = (*CALLGRIND, f"--callgrind-out-file={folder}/callgrind.out.%p")
    with Server(folder, EMBEDDED, *SETTINGS, under=under) as server:
        redis = Redis.from_url(server.url, socket_timeout=60)
        redis.function_load(COLLECT)
        for label, operations, call in rows_of(redis):
            redis.fcall("collect", 0)
            call()
            before = len(dumps(folder))
            for _ in range(CALLS):
                call()
            yield label, statistics.quantiles(map(total, dumps(folder)[before:]), n=10)[0] / operations


PYTHON = "opcodes of Python {}.{}".format(*sys.version_info)
UNITS = {"instructions": (instructions, 1.02), PYTHON: (opcodes, 1.03)}
"""What is counted: its rows, and how many times the table's figure is allowed."""


def compared(
    counts: Iterable[tuple[str, float]], table: Mapping[str, int], bar: float
) -> Iterator[tuple[str, int, bool]]:
    """Label and figure of each row, and whether it is above the bar; each is printed, with nan if it is new."""
    for label, each in counts:
        ratio = each / table.get(label, nan)
        print(f"{each:10,.0f} {ratio:6.3f}{'  above' if ratio > bar else ''}  {label}", flush=True)
        yield label, round(each), ratio > bar


def main() -> None:
    """Print a line for each row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table")
    write = parser.parse_args().write
    table: dict[str, dict[str, int]] = json.loads(TABLE.read_text(encoding="utf-8"))
    is_above = False
    for unit, (count_rows, bar) in UNITS.items():
        with tempfile.TemporaryDirectory(prefix="slta-") as folder:
            found = list(compared(count_rows(Path(folder)), table.get(unit, {}), bar))
        table[unit] = {label: each for label, each, _ in found}
        is_above |= any(above for *_, above in found)
    if write:
        TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    sys.exit(is_above and not write)


if __name__ == "__main__":
    main()
