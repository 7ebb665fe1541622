"""The live placement gap beside what `slta evaluate` finds in the proxy's log of the same sessions."""

from __future__ import annotations

import asyncio
import csv
import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from lab.proxies.load import at_rate
from slta_integrations.follow.log_line import End, parse
from testbed.proxies.clients import browser, url
from testbed.proxies.proxy import Proxy, Setup
from testbed.proxies.system import CLASSES, POOLS_PER_CLASS, System
from testbed.servers import free_port

RATE, MEAN_SECONDS, SECONDS = 30.0, 4.0, 120.0
ALLOWED_POINTS = 0.1
LOOK_SECONDS = 0.005
SECOND_LOG = free_port()
LOG_OPTION = "  option dontlognull\n"
Row = tuple[float, float, str]
"""Begin in seconds since 1970, duration, pool."""


def with_second_log(proxy: Proxy) -> Proxy:
    """A proxy that sends its log as datagrams sends it to `SECOND_LOG` too."""

    def edits(setup: Setup) -> dict[str, str]:
        more = {LOG_OPTION: f"{LOG_OPTION}  log 127.0.0.1:{SECOND_LOG} format raw local0 info\n"}
        return {**proxy.edits(setup), **(more if "--listen" in proxy.source(setup) else {})}

    return replace(proxy, edits=edits)


async def run(system: System, scale: float = 1.0) -> bool:
    """Print both gaps in percent of the bound; whether they differ by at most `ALLOWED_POINTS`."""
    draws, seconds = random.Random(11), SECONDS * scale
    async with _logged(system) as rows:
        load = asyncio.create_task(at_rate(RATE, int(RATE * seconds), lambda _: session(system, draws)))
        await asyncio.sleep(3 * MEAN_SECONDS)
        begin, state = time.time(), await asyncio.to_thread(system.call, "GET", "/state")
        await asyncio.sleep(seconds - 6 * MEAN_SECONDS)
        end, live = time.time(), await asyncio.to_thread(system.call, "GET", f"/averages?since={state['integrals']}")
        await load
    found = await asyncio.to_thread(_evaluated, system.setup.folder, rows, begin, end)
    pair = 100 * live["relative_placement_gap"], 100 * found
    difference = abs(pair[0] - pair[1])
    print(f"  {len(rows)} sessions; placement gap live {pair[0]:.3f} %, in the log {pair[1]:.3f} %: {difference:.3f}")
    return bool(difference <= ALLOWED_POINTS)


async def session(system: System, draws: random.Random) -> None:
    """One of a random length."""
    target = f"/play?seconds={draws.expovariate(1 / MEAN_SECONDS):.3f}&size=100"
    async with browser() as client, client.get(url(system, target)) as answer:
        await answer.read()


@asynccontextmanager
async def _logged(system: System) -> AsyncIterator[list[Row]]:
    """Rows of the sessions that end meanwhile, as the proxy logs them."""
    kind, source = system.proxy.source(system.setup)
    rows: list[Row] = []
    receive = _file(Path(source)) if kind == "--file" else _datagrams()
    looking = asyncio.create_task(_look(receive, rows))
    try:
        yield rows
        await asyncio.sleep(1)
    finally:
        looking.cancel()


async def _look(receive: Callable[[], list[bytes]], rows: list[Row]) -> None:
    while True:
        ends = [line for line in map(parse, receive()) if isinstance(line, End)]
        rows += [(time.time() - line.seconds, line.seconds, line.pool_id) for line in ends if line.pool_id]
        await asyncio.sleep(LOOK_SECONDS)


def _file(path: Path) -> Callable[[], list[bytes]]:
    log = path.open("rb")
    log.seek(0, 2)
    return lambda: log.read().splitlines()


def _datagrams() -> Callable[[], list[bytes]]:
    log = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    log.bind(("127.0.0.1", SECOND_LOG))

    def received() -> list[bytes]:
        lines = []
        while True:
            try:
                lines.append(log.recv(65_536).rstrip(b"\n"))
            except BlockingIOError:
                return lines

    return received


def _evaluated(folder: Path, rows: list[Row], begin: float, end: float) -> float:
    """Relative placement gap that `slta evaluate` finds between two times."""
    fleet, log, figures = folder / "fleet.json", folder / "sessions.csv", folder / "figures.json"
    classes = [
        {"name": name, "utility": {"kind": "log_share", "resource": r}, "capacity": 2000, "pools": POOLS_PER_CLASS}
        for name, r in CLASSES.items()
    ]
    fleet.write_text(json.dumps({"classes": classes}), encoding="utf-8")
    starts = [start for start, *_ in rows]
    with log.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("start_s", "duration_s", "pool"), *rows])
    window = ["--warm-up", f"{begin - min(starts):.3f}", "--cool-down", f"{max(starts) - end:.3f}"]
    command = [
        sys.executable,
        "-m",
        "slta.cli",
        "evaluate",
        str(log),
        str(fleet),
        "--json",
        str(figures),
    ]
    subprocess.run([*command, *window], check=True, stdout=subprocess.DEVNULL)
    return float(json.loads(figures.read_text(encoding="utf-8"))["recorded"]["relative_placement_gap"])
