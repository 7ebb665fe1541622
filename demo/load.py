"""The load generator as a process of its own, so that drawing the view does not delay its requests.

Standard output is one JSON object a line, `{"kind": …}`: `window` once the averages begin, `progress` now and then,
`over` when nothing more arrives, `result` at the end. SIGTERM ends the arrivals; the rest follows as ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop

from loadgen.agreement import WindowStart, begin_window, compare
from loadgen.client import Client, ServiceError
from loadgen.holding import Exponential
from loadgen.profile import RateProfile, Segment
from loadgen.replay import Drain, Replay, ReplaySettings
from loadgen.trace import read_trace
from loadgen.workload import PlannedSession, profiled, random_stream, workload

PROGRESS_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to play, to whom. `rate` is arrivals per second over time as segments; a `trace` has none.

    `arrivals_seconds` is when the last session arrives. A trace plays to its end, else sessions that still live are
    completed at once when the arrivals are over.
    """

    url: str
    fleet: str
    rate: list[list[float]] | None
    mean_holding_seconds: float
    trace: str | None
    speed: float
    arrivals_seconds: float
    warm_up_seconds: float
    seed: int

    def to_json(self) -> str:
        """As a command-line argument."""
        return json.dumps(asdict(self))

    def workload(self) -> Iterator[PlannedSession]:
        """The sessions, in order of arrival."""
        if self.trace is not None:
            return read_trace(Path(self.trace), speed=self.speed)
        rate = RateProfile(tuple(Segment(*segment) for segment in self.rate or []))
        arrivals = profiled(rate, random_stream(self.seed, "arrivals"))
        return workload(arrivals, Exponential(self.mean_holding_seconds), random_stream(self.seed, "holding"))

    def settings(self) -> ReplaySettings:
        """How to play them."""
        return ReplaySettings(
            duration_seconds=math.inf if self.trace else self.arrivals_seconds,
            warm_up_seconds=self.warm_up_seconds,
            drain=Drain.SCHEDULE if self.trace else Drain.KEEP,
        )


class Load:
    """One order being carried out."""

    def __init__(self, order: Order, client: Client) -> None:
        self._order = order
        self._client = client
        self._replay = Replay(client, order.workload(), order.settings())
        self._warming_up = self._replay.sessions.tally
        self._window: WindowStart | None = None
        self._at_end: dict[str, Any] | None = None

    async def carry_out(self) -> None:
        """Play, tell how it goes, and compare with what the service says."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._replay.stop)
        meanwhile = [asyncio.create_task(task) for task in (self._tell(), self._open_window(), self._look_at_end())]
        try:
            await self._replay.run()
            say("over")
            result = await self._compare()
            await self._replay.sessions.complete_all()
        finally:
            for task in meanwhile:
                task.cancel()
        say("result", **result, summary=self._replay.sessions.summary().to_dict(), totals=self._totals())

    async def _tell(self) -> None:
        while True:
            replay, recent = self._replay, self._replay.sessions.recent_assign_ms()
            say(
                "progress",
                elapsed_seconds=replay.elapsed_seconds,
                live_sessions=len(replay.sessions.live),
                totals=self._totals(),
                assign_ms={"p50": recent.p50, "p99": recent.p99},
            )
            await asyncio.sleep(PROGRESS_SECONDS)

    def _totals(self) -> dict[str, int]:
        """Counts of the whole run, warm-up included."""
        before, since = self._warming_up, self._replay.sessions.tally
        tallies = [since] if before is since else [before, since]
        names = ("arrivals", "placed", "completions", "rejections", "errors")
        return {name: sum(getattr(tally, name) for tally in tallies) for name in names}

    async def _open_window(self) -> None:
        await self._replay.warmed_up()
        with contextlib.suppress(ServiceError):
            self._window = await begin_window(self._client, self._replay.sessions)
            say("window", integrals=self._window.integrals)

    async def _look_at_end(self) -> None:
        """A trace's sessions go on when its arrivals are over; what counts is the load until then."""
        if self._order.trace:
            await asyncio.sleep(self._order.arrivals_seconds)
            say("over")
            with contextlib.suppress(ServiceError):
                self._at_end = await self._observe()

    async def _observe(self) -> dict[str, Any]:
        averages = await self._client.averages(since=self._window.integrals) if self._window else None
        return {"averages": averages, "state": await self._client.state()}

    async def _compare(self) -> dict[str, Any]:
        result: dict[str, Any] = {"averages": None, "state": None, "agreement": None, "not_compared": None}
        try:
            result |= self._at_end or await self._observe()
            if self._window:
                result["agreement"] = (await compare(self._client, self._replay.sessions, self._window)).to_dict()
        except ServiceError as error:
            result["not_compared"] = str(error)
        return result


def say(kind: str, **facts: object) -> None:
    """One line of our report."""
    sys.stdout.write(json.dumps({"kind": kind, **facts}) + "\n")
    sys.stdout.flush()


async def _main(order: Order) -> None:
    async with Client(order.url, order.fleet) as client:
        await Load(order, client).carry_out()


if __name__ == "__main__":
    uvloop.run(_main(Order(**json.loads(sys.argv[1]))))
