"""The same sessions twice: observed live by a service, and evaluated from the balancer's own log.

`python -m lab.benchmarks.observed FOLDER` starts HAProxy with leastconn and weights before twelve pools, a service with
a fleet that observes, and a load on loopback. The load's clients report each session when the header of the answer
names its pool, and complete it when the answer is over. Then `slta evaluate` reads HAProxy's log over the same window.
Both are printed side by side, with the command that reads the log once more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import yaml

from lab.benchmarks.balancer import FLEET, POOLS, Load, Watcher, record
from lab.benchmarks.markdown import table
from lab.benchmarks.running import start_listening
from tests.servers import free_port

URL = "/v1/fleets/behind-a-balancer"
MARGIN_SECONDS = 2.0
"""The window begins so long after the first session, and ends before the last."""


class Figures(NamedTuple):
    """Means of the whole fleet over the window; the gap is a part of the bound."""

    sessions: float
    utility: float
    optimum: float
    placement_gap: float


class Outcome(NamedTuple):
    """What came of a run. `difference` is the mean at the moment of placing, `left_out` the reports refused.

    `command` evaluates the log over the same window once more.
    """

    observed: Figures
    evaluated: Figures
    reports: int
    left_out: int
    difference: float
    seconds: float
    command: str


class Reporter(Watcher):
    """Tells a service of each session."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self.reports = 0
        self.begun = asyncio.Event()

    async def began(self, id_: str, pool: str) -> None:
        """PUT of the session; 409 where the figures leave it out."""
        self.reports += 1
        self.begun.set()
        async with self._http.put(f"{URL}/sessions/{id_}", json={"pool_id": pool}) as answer:
            if answer.status not in (201, 409):
                answer.raise_for_status()

    async def ended(self, id_: str) -> None:
        """Its completion; 404 where its report was left out."""
        async with self._http.post(f"{URL}/complete", json={"session_id": id_}) as answer:
            if answer.status not in (200, 404):
                answer.raise_for_status()

    async def state(self) -> tuple[float, dict[str, Any]]:
        """The fleet's state, and when that was, in seconds since 1970."""
        return await self._get("state")

    async def averages(self, since: str) -> tuple[float, dict[str, Any]]:
        """The averages since, and when that was."""
        return await self._get("averages", since=since)

    async def _get(self, call: str, **parameters: str) -> tuple[float, dict[str, Any]]:
        before = time.time()
        async with self._http.get(f"{URL}/{call}", params=parameters) as answer:
            return (before + time.time()) / 2, await answer.json()


def serve(stack: ExitStack, folder: Path) -> str:
    """A service with the fleet, which observes; its address."""
    file = folder / "observing.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(FLEET) | {"policy": "observe"}), encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "slta.cli", "serve", "--config", str(file), "--data-dir", str(folder / "data")]
    start_listening(stack, folder, command, port, {"SLTA_PORT": str(port), "SLTA_AUTH": "off"})
    return f"http://127.0.0.1:{port}"


async def observed(folder: Path, load: Load) -> Outcome:
    """Play the load, and read it both ways. Raises Missing."""
    with ExitStack() as stack:
        url = await asyncio.to_thread(serve, stack, folder)
        async with aiohttp.ClientSession(url) as http:
            reporter = Reporter(http)
            playing = asyncio.create_task(record(folder, "haproxy-http", load, reporter))
            await reporter.begun.wait()
            await asyncio.sleep(MARGIN_SECONDS)
            begin, first = await reporter.state()
            await asyncio.sleep(load.seconds - 2 * MARGIN_SECONDS)
            end, means = await reporter.averages(first["integrals"])
            log = await playing
            _, last = await reporter.state()
    options = await asyncio.to_thread(window_options, folder, log, begin, end)
    seen = await asyncio.to_thread(evaluate, folder, options)
    left_out = last["counters"]["left_out_over_capacity"] + last["counters"]["left_out_unknown_pool"]
    read = _read(seen)
    shown, difference = _shown(means), means["difference_at_placing"]
    return Outcome(shown, read, reporter.reports, left_out, difference, end - begin, " ".join(["slta", *options]))


def _shown(means: Mapping[str, Any]) -> Figures:
    pools = means["mean_pools"]
    return Figures(
        means["mean_sessions_per_pool"] * pools,
        means["utility_mean"] * pools,
        means["utility_optimum_mean"] * pools,
        means["relative_placement_gap"],
    )


def _read(seen: Mapping[str, Any]) -> Figures:
    recorded = seen["recorded"]
    gap = recorded["relative_placement_gap"]
    return Figures(seen["mean_sessions"], recorded["utility"], recorded["utility_optimum"], gap)


def window_options(folder: Path, log: Path, begin: float, end: float) -> list[str]:
    """The words of `slta evaluate` for a log between two times, in seconds since 1970."""
    words = ["evaluate", str(log), "--fleet", str(folder / "fleet.yaml")]
    whole = evaluate(folder, [*words, "--warm-up", "0", "--cool-down", "0"])["window"]
    cut = f"{begin - whole['from_s']:.6f}", f"{whole['to_s'] - end:.6f}"
    return [*words, "--warm-up", cut[0], "--cool-down", cut[1]]


def evaluate(folder: Path, words: Sequence[str]) -> dict[str, Any]:
    """Its figures."""
    out = folder / "evaluated.json"
    command = [sys.executable, "-m", "slta.cli", *words, "--json", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def report(outcome: Outcome) -> str:
    """Both readings as Markdown."""
    head = ("read from", "mean sessions", "utility", "optimum of the same sessions", "placement gap")
    read = [("observed live", outcome.observed), ("HAProxy's log, evaluated", outcome.evaluated)]
    rows = [
        (name, f"{f.sessions:.3f}", f"{f.utility:.3f}", f"{f.optimum:.3f}", f"{100 * f.placement_gap:.3f} %")
        for name, f in read
    ]
    about = f"{outcome.reports} reports, {outcome.left_out} left out, a window of {outcome.seconds:.1f} s on "
    about += f"{sum(POOLS.values())} pools; difference at the moment of placing {outcome.difference:.4f}"
    return f"{table(head, rows)}\n\n{about}\n{outcome.command}"


def main() -> None:
    """Observe, evaluate, print."""
    parser = argparse.ArgumentParser(prog="python -m lab.benchmarks.observed", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/observed"), help="(build/observed)")
    parser.add_argument("--seconds", type=float, default=120.0, help="during which sessions come (120)")
    parser.add_argument("--mean-seconds", type=float, default=10.0, help="that a session stays on average (10)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print(report(asyncio.run(observed(options.folder, Load(options.seconds, options.mean_seconds)))))


if __name__ == "__main__":
    main()
