"""One replay from start to finish: interruptible, watched, compared with the service, drained."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from loadgen.agreement import Agreement, WindowStart, begin_window, compare
from loadgen.client import Client, ServiceError
from loadgen.replay import Drain, Replay, ReplaySettings
from loadgen.report import Summary
from loadgen.workload import PlannedSession

_WATCH_EVERY_SECONDS = 0.5

Watch = Callable[[Replay], None]


@dataclass(frozen=True, slots=True)
class Result:
    """`agreement` is None where the service could not be compared; then `not_compared` says why."""

    summary: Summary
    agreement: Agreement | None
    not_compared: str | None = None

    @property
    def is_clean(self) -> bool:
        """No errors, nothing left unsettled, and the service agrees with the record."""
        return (
            not self.summary.errors
            and not self.summary.unsettled_sessions
            and self.agreement is not None
            and self.agreement.holds
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "summary": self.summary.to_dict(),
            "agreement": self.agreement.to_dict() if self.agreement else None,
            "not_compared": self.not_compared,
        }


async def drive(client: Client, workload: Iterable[PlannedSession], settings: ReplaySettings, watch: Watch) -> Result:
    """Play `workload`; call `watch` twice a second. The first interrupt ends the arrivals, the second everything.

    The comparison is made while sessions still live, so draining at once waits until it is done.
    """
    keeps = Drain.KEEP if settings.drain is Drain.NOW else settings.drain
    replay = Replay(client, workload, replace(settings, drain=keeps))
    _stop_when_interrupted(replay)
    watching = asyncio.create_task(_keep_watching(replay, watch))
    try:
        agreement, not_compared = await _run_and_compare(client, replay)
        if settings.drain is not Drain.KEEP:
            await replay.sessions.complete_all()
    finally:
        watching.cancel()
    return Result(replay.sessions.summary(), agreement, not_compared)


async def _run_and_compare(client: Client, replay: Replay) -> tuple[Agreement | None, str | None]:
    async with asyncio.TaskGroup() as group:
        group.create_task(replay.run())
        await replay.warmed_up()
        start = await _begin_window(client, replay)
    if isinstance(start, ServiceError):
        return None, str(start)
    try:
        return await compare(client, replay.sessions, start), None
    except ServiceError as error:
        return None, str(error)


async def _begin_window(client: Client, replay: Replay) -> WindowStart | ServiceError:
    try:
        return await begin_window(client, replay.sessions)
    except ServiceError as error:
        return error


async def _keep_watching(replay: Replay, watch: Watch) -> None:
    while True:
        watch(replay)
        await asyncio.sleep(_WATCH_EVERY_SECONDS)


def _stop_when_interrupted(replay: Replay) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupt() -> None:
        if task and replay.is_stopping:
            task.cancel()
        replay.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
