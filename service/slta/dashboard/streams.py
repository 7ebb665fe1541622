"""Event streams of the dashboard: per fleet one snapshot a second, shared by all viewers, only while there are any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import structlog

from slta.dashboard.events import Hello, StreamError, event
from slta.dashboard.frames import FrameReader
from slta.dashboard.history import History
from slta.dashboard.overview import Overview
from slta.fleet_file import Specs
from slta.models.errors import DispatchError, UnknownFleetError
from slta.store import Store

INTERVAL_SECONDS = 1.0
HEARTBEAT_SECONDS = 3.0
"""Interval of keep-alive comments on an idle stream; the page reconnects without them."""
MAX_SECONDS = 300.0
"""Maximum duration of a stream; the page then reconnects, so that a revoked key loses access."""
RETRY_MS = 1000
MAX_VIEWERS = 64
HEARTBEAT = ": still here\n\n"
CLOSING = event("closing", StreamError(code="closing", detail="The service is shutting down."))

log = structlog.get_logger(__name__)


class FleetStream:
    """Event feed of one fleet. Only the newest event is kept: a slow viewer skips events and delays no other."""

    def __init__(self, reader: FrameReader, fleet: str, interval_seconds: float) -> None:
        self.fleet = fleet
        self.viewers = 0
        self.gone = False
        self._reader = reader
        self._followed = reader.follow()
        self._interval_seconds = interval_seconds
        self._number = 0
        self._newest = ""
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Publish snapshots in a task that ends with the last viewer."""
        if self._task is None or self._task.done():
            self._number = 0
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Cancel the task and wake the viewers."""
        if self._task is not None:
            self._task.cancel()
        self._number += 1
        self._changed.set()

    def publish(self, text: str) -> None:
        """Send an event to all viewers."""
        self._number += 1
        self._newest = text
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, number: int) -> tuple[int, str] | None:
        """Number and text of the newest event, awaiting one after `number`; None on timeout."""
        if self._number <= number:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                return None
        return self._number, self._newest

    @property
    def history(self) -> History:
        """History up to the newest frame."""
        return self._followed.history.latest

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while self.viewers and not self.gone:
            due = clock() + self._interval_seconds
            self.publish(await self._next_event())
            await asyncio.sleep(max(due - clock(), self._interval_seconds / 10))

    async def _next_event(self) -> str:
        try:
            return event("frame", await self._reader.read(self.fleet, self._followed))
        except DispatchError as error:
            self.gone = isinstance(error, UnknownFleetError)
            return event("trouble", StreamError(code=error.code, detail=str(error)))
        except Exception:
            log.exception("live_page_failed", fleet=self.fleet)
            detail = "Internal error; the log has the traceback under live_page_failed."
            return event("trouble", StreamError(code="internal_error", detail=detail))


class FleetStreams:
    """Event streams of one process. Call `close` at shutdown: open streams would delay it."""

    def __init__(
        self,
        store: Store,
        specs: Specs,
        *,
        most_viewers: int = MAX_VIEWERS,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        """`specs` as in `build_api`."""
        self._reader = FrameReader(store, specs)
        self.overview = Overview(store, specs)
        self._interval_seconds = interval_seconds
        self._most_viewers = most_viewers
        self._streams: dict[str, FleetStream] = {}
        self._closing = False

    @property
    def viewers(self) -> int:
        """Number of open streams."""
        return sum(stream.viewers for stream in self._streams.values())

    @property
    def has_room(self) -> bool:
        """Whether another stream may be opened."""
        return not self._closing and self.viewers < self._most_viewers

    def close(self) -> None:
        """Close all streams permanently. Call it in the event loop's thread."""
        self._closing = True
        for stream in self._streams.values():
            stream.stop()

    async def watch(self, fleet: str, page_version: str) -> AsyncGenerator[str]:
        """Event stream of a viewer, with the whole history at first and when it has grown."""
        if fleet not in self._streams:
            self._streams[fleet] = FleetStream(self._reader, fleet, self._interval_seconds)
        stream = self._streams[fleet]
        stream.viewers += 1
        try:
            stream.start()
            yield f"retry: {RETRY_MS}\n\n{event('beginning', Hello(page_version=page_version))}"
            async for text in self._events(stream):
                yield text
        finally:
            stream.viewers -= 1
            if stream.gone and self._streams.get(fleet) is stream:
                del self._streams[fleet]

    async def _events(self, stream: FleetStream) -> AsyncGenerator[str]:
        clock = asyncio.get_running_loop().time
        ends, number, history = clock() + MAX_SECONDS, 0, None
        while clock() < ends:
            found = await stream.after(number)
            if self._closing:
                yield CLOSING
                return
            if history is not stream.history:
                history = stream.history
                yield event("history", history)
            number, text = found or (number, HEARTBEAT)
            yield text
            if stream.gone:
                return
