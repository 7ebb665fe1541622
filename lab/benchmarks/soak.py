"""A dispatcher under a steady load for a long time: what it uses must stay the same.

First it measures for some seconds how many operations the dispatcher can do, then it asks for a part of that. Calls
have 100 operations: sessions come, most are completed some seconds later, and the leases of the others end. At the end
nobody calls, all leases end, and the audit looks at the fleet.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import aiohttp

from lab.benchmarks.running import Running, running
from lab.benchmarks.samples import Sample, Sampler, as_table, draw, growth, write_csv
from tests.audit import violations

FLEET = "soak"
ASSIGNS = 50
"""Of a call; as many sessions of an earlier call are completed, but for those whose lease ends them."""
EXPIRE = 10
LEASE_SECONDS = 8
COMPLETED_AFTER_SECONDS = 3.0
RETENTION_SECONDS = 60
END_SECONDS = 180
"""After the load all leases end within their length, and within a minute more where the machine stood still."""
MAX_SENTENCES = 20
MAX_CALLS = 8
"""Under way at once; what is due beyond waits."""
CONFIGURATION = {
    "lease_seconds": LEASE_SECONDS,
    "retention_seconds": RETENTION_SECONDS,
    "classes": [
        {"name": f"c{k}", "utility": {"kind": "log_share", "resource": 20 + 3 * k}, "capacity": 4096, "pools": 50}
        for k in range(2)
    ],
}


class Soak:
    """Calls of one dispatcher, paced or as fast as it answers."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http, self._url = http, f"{url}/v1/fleets/{FLEET}"
        self._serial = 0
        self._open: deque[tuple[float, list[str]]] = deque()
        self.operations = self.refused = 0
        self.ms: list[float] = []

    async def create(self) -> None:
        """The fleet."""
        async with self._http.put(self._url, json=CONFIGURATION) as answer:
            answer.raise_for_status()

    async def call(self) -> None:
        """One call of many operations; an answer that is not 200, or a refused operation, is counted."""
        body = json.dumps({"operations": self._due()})
        began = monotonic()
        async with self._http.post(
            f"{self._url}/operations", data=body, headers={"Content-Type": "application/json"}
        ) as answer:
            told = await answer.json()
        self.ms.append((monotonic() - began) * 1000)
        outcomes = told.get("outcomes", [])
        self.operations += len(outcomes)
        self.refused += sum(outcome["status"] >= 400 for outcome in outcomes) if outcomes else 1

    def _due(self) -> list[dict[str, Any]]:
        """New sessions, and the completions of those that are old enough."""
        ids = [f"s-{self._serial + k:030d}" for k in range(ASSIGNS)]
        self._serial += ASSIGNS
        now = monotonic()
        self._open.append((now, ids[EXPIRE:]))
        over: list[str] = []
        while self._open and now - self._open[0][0] > COMPLETED_AFTER_SECONDS and len(over) < 2 * ASSIGNS:
            over += self._open.popleft()[1]
        return [*({"assign": {"session_id": id_}} for id_ in ids), *({"complete": {"session_id": id_}} for id_ in over)]

    def taken(self) -> tuple[int, list[float], int]:
        """Operations, milliseconds of calls and refusals since the last time."""
        found = self.operations, self.ms, self.refused
        self.operations, self.ms, self.refused = 0, [], 0
        return found

    async def as_fast_as_it_can(self, seconds: float) -> float:
        """Calls a second."""
        end = monotonic() + seconds

        async def worker() -> None:
            while monotonic() < end:
                await self.call()

        await asyncio.gather(*(worker() for _ in range(MAX_CALLS)))
        return len(self.taken()[1]) / seconds

    async def paced(self, calls_per_second: float, seconds: float) -> None:
        """Calls at equal distances. What is late is made up for."""
        begin, due = monotonic(), 0
        under_way: set[asyncio.Task[None]] = set()
        while (now := monotonic() - begin) < seconds:
            while due < now * calls_per_second and len(under_way) < MAX_CALLS:
                under_way.add(asyncio.create_task(self.call()))
                due += 1
            done, under_way = await asyncio.wait(
                [*under_way, asyncio.create_task(asyncio.sleep(0.2 / calls_per_second))],
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                task.result()
        await asyncio.gather(*under_way)


async def sampled(soak: Soak, sampler: Sampler, seconds: float, each: float) -> list[Sample]:
    """A sample every so many seconds, until so many have passed."""
    begin, samples, since = monotonic(), list[Sample](), 0.0
    while since < seconds:
        await asyncio.sleep(begin + since + each - monotonic())
        now = monotonic() - begin
        samples.append(await asyncio.to_thread(sampler.sample, now, since, *soak.taken()))
        since = now
    return samples


async def loaded(service: Running, options: argparse.Namespace) -> list[Sample]:
    """Measure, then load."""
    async with aiohttp.ClientSession() as http:
        soak = Soak(http, service.urls[0])
        await soak.create()
        most = await soak.as_fast_as_it_can(options.measure)
        sys.stderr.write(f"at most {most:.1f} calls a second; asking for {options.share:.0%} of them\n")
        sampler = Sampler(service, FLEET)
        load = asyncio.create_task(soak.paced(most * options.share, options.seconds))
        samples = await sampled(soak, sampler, options.seconds, options.every)
        await load
        return samples


def left(service: Running) -> Sequence[str]:
    """What is wrong with the fleet when nobody calls any more; first all leases must end."""
    assert service.store is not None
    end = monotonic() + END_SECONDS
    with service.store.client() as redis:
        while live := redis.hlen(f"{{{FLEET}}}:sessions"):
            if monotonic() > end:
                return [f"{live} sessions live on"]
            sleep(0.5)
        return violations(redis, FLEET)[:MAX_SENTENCES]


def main() -> None:
    """Load, print a table, write all samples; 1 when something grew or the audit found something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600, help="how long (default: an hour)")
    parser.add_argument("--share", type=float, default=0.6, help="of what the dispatcher can do (default: 0.6)")
    parser.add_argument("--measure", type=float, default=10, help="seconds to find out how much that is")
    parser.add_argument("--every", type=float, default=15, help="seconds between two samples")
    parser.add_argument("--csv", type=Path, help="all samples go here")
    parser.add_argument("--curves", type=Path, help="and their curves here, as SVG")
    options = parser.parse_args()
    with running("ours", 1, needs_key=False) as service:
        assert service.store is not None
        with service.store.client() as redis:  # as a store has it that runs for long
            redis.config_set("auto-aof-rewrite-percentage", 100)
        samples = asyncio.run(loaded(service, options))
        wrong = left(service)
    sys.stdout.write(as_table(samples) + "\n")
    if options.csv:
        write_csv(samples, options.csv)
    if options.curves:
        draw(samples, options.curves)
    grown = [f"{name} grew by {by:.0%}" for name, by in growth(samples).items()]
    sys.exit("\n".join([*grown, *wrong]) or None)


if __name__ == "__main__":
    main()
