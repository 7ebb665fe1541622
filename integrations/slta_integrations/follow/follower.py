"""Main loop: read lines, send them, save the position once slta has answered."""

from __future__ import annotations

import asyncio
import time

from slta_client.timer import is_set_within
from slta_integrations.follow.checkpoints import age_bound
from slta_integrations.follow.live import proxy_of
from slta_integrations.follow.log_line import Alive, Start, parse
from slta_integrations.follow.log_tail import Batch
from slta_integrations.follow.metrics import Metrics
from slta_integrations.follow.operations import MAX_OPERATIONS, Operation
from slta_integrations.follow.position import Position, PositionFile
from slta_integrations.follow.sender import Sender
from slta_integrations.follow.source import Source
from slta_integrations.notices import Notices

Signs = dict[tuple[type, str], tuple[Start | Alive, float]]
"""What proxies say of themselves, the last of each kind and proxy: an earlier start says nothing any more; and when."""
POLL_SECONDS = 0.05
"""Between two looks at a log: a lone line waits so long at most."""
SAVE_SECONDS = 10.0
"""The position is saved after each answer, and so often without lines: the next start knows their age the closer."""


class Follower:
    """Sends the lines of a source, in order, until stopped."""

    def __init__(
        self,
        source: Source,
        sender: Sender,
        position_file: PositionFile,
        metrics: Metrics,
        notices: Notices,
        *,
        stopping: asyncio.Event,
    ) -> None:
        """`stopping` ends `run`."""
        self._source = source
        self._sender = sender
        self._position_file = position_file
        self._live = sender.live
        self._metrics = metrics
        self._notices = notices
        self._stopping = stopping
        self._under_way = Batch(source.tail.position)
        self._saved_at = time.monotonic()

    async def run(self) -> None:
        """Follow until stopped: the call under way is finished, what it answered is saved."""
        await self._save(self._source.tail.position)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sender.check())
            group.create_task(self._watch())
            group.create_task(self._follow())

    async def _follow(self) -> None:
        while not self._stopping.is_set():
            self._source.arrived.clear()
            batch = self._read()
            operations, signs = self._operations(batch)
            self._under_way = batch
            if not (await self._sender.send(operations) and await self._heed(signs)):
                return
            self._under_way = Batch(batch.position)
            if operations or signs or time.monotonic() - self._saved_at >= SAVE_SECONDS:
                await self._save(batch.position)
            if not batch.lines:
                await is_set_within(self._source.arrived, POLL_SECONDS)
        await self._save(self._source.tail.position)

    def _read(self) -> Batch:
        try:
            self._source.tail.look()
            return self._source.tail.read(MAX_OPERATIONS)
        except OSError as error:
            self._notices.say("log", f"the log cannot be read: {error}")
            return Batch(self._source.tail.position)

    def _operations(self, batch: Batch) -> tuple[list[Operation], Signs]:
        """Operations of a batch, and what its proxy says of itself; the other lines are counted only."""
        operations: list[Operation] = []
        signs: Signs = {}
        for text, written_after, rest in batch.lines:
            line = "too_long" if text is None else parse(text)
            if rest and not isinstance(later := parse(rest), str) and later != line:
                self._metrics.lines.labels("damaged").inc()
                line = later
            if isinstance(line, str):
                self._metrics.lines.labels(line).inc()
                continue
            self._metrics.lines.labels(type(line).__name__.lower()).inc()
            if isinstance(line, Start | Alive):
                signs[type(line), proxy_of(line.instance)] = (line, written_after)
            else:
                operations.append(Operation(line, written_after))
        self._metrics.lines.labels("damaged").inc(batch.cut)
        return operations, signs

    async def _heed(self, signs: Signs) -> bool:
        """End the sessions of instances that are gone, renew those that live; False if stopped before."""
        for sign, written_after in signs.values():
            due = self._live.due(sign)
            if not await self._sender.send([Operation(line, written_after) for line in due]):
                return False
            if isinstance(sign, Start):
                self._live.note(sign)
        return True

    async def _save(self, position: Position) -> None:
        """Save in a thread, so that datagrams are received meanwhile. Of a full disk a warning is logged."""
        self._saved_at = time.monotonic()
        try:
            await asyncio.to_thread(self._live.save)
            await asyncio.to_thread(self._position_file.save, position)
            self._source.answered()
        except OSError as error:
            self._notices.say("position", f"the position cannot be saved: {error}")

    async def _watch(self) -> None:
        """Follow rotations and update the gauges, also while a call is repeated."""
        tail = self._source.tail
        while not self._stopping.is_set():
            try:
                tail.look()
            except OSError as error:
                self._notices.say("log", f"the log cannot be read: {error}")
            self._measure()
            while tail.dropped:
                file, offset = tail.dropped.pop()
                count = await asyncio.to_thread(file.lines_from, offset)
                file.close()
                self._metrics.dropped_lines.labels("backlog").inc(count)
                self._notices.say("dropped backlog", f"{count} lines dropped: over --max-backlog bytes wait")
            await asyncio.sleep(POLL_SECONDS)

    def _measure(self) -> None:
        under_way = self._under_way.lines
        unread_since = self._source.tail.waiting_since
        since = under_way[0].written_after if under_way else unread_since
        size = sum(len(line.text or b"") + 1 for line in under_way)
        self._metrics.backlog_bytes.set(self._source.tail.backlog + size)
        self._metrics.lag_seconds.set(0 if since is None else age_bound(since, time.time()))
