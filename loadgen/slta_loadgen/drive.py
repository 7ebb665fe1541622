"""Driver of one replay: run, interrupt, show progress, compare with the service, drain."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from slta_loadgen.agreement import Agreement, WindowStart, begin_window, compare
from slta_loadgen.client import Client, ServiceError
from slta_loadgen.replay import Drain, Replay, ReplaySettings
from slta_loadgen.run_report import Summary
from slta_loadgen.workload import PlannedSession

_WATCH_EVERY_SECONDS = 0.5
_TOTALS = ("arrivals", "placed", "completions", "rejections", "errors")


@dataclass(frozen=True, slots=True)
class Look:
    """Progress of a replay. `totals` count from the first arrival, warm-up included.

    `since` are the service's integrals at the end of the warm-up, None before.
    """

    replay: Replay
    totals: Mapping[str, int]
    since: str | None


Watch = Callable[[Look], None]


@dataclass(frozen=True, slots=True)
class Result:
    """Result of a replay. `agreement` is None if the comparison failed; `not_compared` has the reason."""

    summary: Summary
    totals: Mapping[str, int]
    agreement: Agreement | None
    not_compared: str | None = None

    @property
    def is_clean(self) -> bool:
        """True without errors and unsettled sessions, and if the service agrees with the record."""
        return (
            not self.summary.errors
            and not self.summary.unsettled_sessions
            and self.agreement is not None
            and self.agreement.holds
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "summary": self.summary.to_dict(),
            "totals": dict(self.totals),
            "agreement": self.agreement.to_dict() if self.agreement else None,
            "not_compared": self.not_compared,
        }


async def drive(client: Client, workload: Iterable[PlannedSession], settings: ReplaySettings, watch: Watch) -> Result:
    """Play `workload`; call `watch` twice a second, and once more before live sessions are drained.

    The first interrupt ends the arrivals, the second the run. The comparison needs live sessions, so an immediate drain
    waits for it.
    """
    keeps = Drain.KEEP if settings.drain is Drain.NOW else settings.drain
    replay = Replay(client, workload, replace(settings, drain=keeps))
    _stop_when_interrupted(replay)
    driven = _Driven(client, replay, watch)
    watching = asyncio.create_task(driven.keep_showing())
    try:
        agreement, not_compared = await driven.run_and_compare()
        if settings.drain is not Drain.KEEP:
            await replay.sessions.complete_all()
    finally:
        watching.cancel()
    return Result(replay.sessions.summary(), driven.totals(), agreement, not_compared)


class _Driven:
    """A replay, its warm-up tally, and the window after the warm-up."""

    def __init__(self, client: Client, replay: Replay, watch: Watch) -> None:
        self._client = client
        self._replay = replay
        self._watch = watch
        self._first_tally = replay.sessions.tally
        self._start: WindowStart | None = None

    def totals(self) -> dict[str, int]:
        tallies = {self._first_tally, self._replay.sessions.tally}
        return {name: sum(getattr(tally, name) for tally in tallies) for name in _TOTALS}

    async def keep_showing(self) -> None:
        while True:
            self._show()
            await asyncio.sleep(_WATCH_EVERY_SECONDS)

    def _show(self) -> None:
        self._watch(Look(self._replay, self.totals(), self._start.integrals if self._start else None))

    async def run_and_compare(self) -> tuple[Agreement | None, str | None]:
        """Run the replay; return the agreement, or the reason why it is missing."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._replay.run())
            await self._replay.warmed_up()
            refused = await self._begin_window()
        self._show()
        if not self._start:
            return None, refused
        try:
            return await compare(self._client, self._replay.sessions, self._start), None
        except ServiceError as error:
            return None, str(error)

    async def _begin_window(self) -> str | None:
        try:
            self._start = await begin_window(self._client, self._replay.sessions)
        except ServiceError as error:
            return str(error)
        return None


def _stop_when_interrupted(replay: Replay) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupt() -> None:
        if task and replay.is_stopping:
            task.cancel()
        replay.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
