"""Main loop: read lines, send them, save the position once slta has answered."""

from __future__ import annotations

import asyncio
import time

from slta_client.timer import is_set_within
from slta_integrations.follow.live import proxy_of
from slta_integrations.follow.log_line import Alive, Begin, End, Start, parse
from slta_integrations.follow.log_tail import Batch
from slta_integrations.follow.metrics import Metrics
from slta_integrations.follow.operations import MAX_OPERATIONS, age_bound
from slta_integrations.follow.position import Position, PositionFile
from slta_integrations.follow.sender import Sender
from slta_integrations.follow.source import Source
from slta_integrations.notices import Notices

Signs = dict[tuple[type, str], Start | Alive]
"""What proxies say of themselves, the last of each kind and proxy: an earlier start says nothing any more."""
POLL_SECONDS = 0.05
"""Between two looks at a log: a lone line waits so long at most."""
SAVE_SECONDS = 10.0
"""The position is saved after each answer, and so often without lines: the next start knows their age the closer."""


class Follower:
    """Sends the lines of a source, in order, until the sender is stopped."""

    def __init__(
        self, source: Source, sender: Sender, position_file: PositionFile, metrics: Metrics, notices: Notices
    ) -> None:
        self._source, self._sender, self._position_file = source, sender, position_file
        self._metrics, self._notices = metrics, notices
        self._under_way = Batch(source.tail.position, [])
        self._saved_at = time.monotonic()

    async def run(self) -> None:
        """Follow until stopped: the call under way is finished, what it answered is saved."""
        await self._save(self._source.tail.position)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sender.check())
            group.create_task(self._watch())
            group.create_task(self._follow())

    async def _follow(self) -> None:
        while not self._sender.stopping.is_set():
            self._source.arrived.clear()
            batch = self._under_way = self._read()
            lines, signs = self._parsed(batch)
            if not (await self._sender.send(lines, batch.position.seen_at) and await self._heed(signs, batch)):
                return
            self._under_way = Batch(batch.position, [])
            if lines or signs or time.monotonic() - self._saved_at >= SAVE_SECONDS:
                await self._save(batch.position)
            if not batch.lines:
                await is_set_within(self._source.arrived, POLL_SECONDS)
        await self._save(self._source.tail.position)

    def _read(self) -> Batch:
        try:
            return self._source.tail.read(MAX_OPERATIONS)
        except OSError as error:
            self._notices.say("log", f"the log cannot be read: {error}")
            return Batch(self._source.tail.position, [])

    def _parsed(self, batch: Batch) -> tuple[list[Begin | End], Signs]:
        """Lines of sessions, and what their proxy says of itself; the others are counted only."""
        lines: list[Begin | End] = []
        signs: Signs = {}
        for text, rest in batch.lines:
            line = "too_long" if text is None else parse(text)
            if rest and not isinstance(later := parse(rest), str) and later != line:
                self._metrics.lines.labels("damaged").inc()
                line = later
            self._metrics.lines.labels(line if isinstance(line, str) else type(line).__name__.lower()).inc()
            if isinstance(line, Start | Alive):
                signs[type(line), proxy_of(line.instance)] = line
            elif not isinstance(line, str):
                lines.append(line)
        return lines, signs

    async def _heed(self, signs: Signs, batch: Batch) -> bool:
        """End the sessions of instances that are gone, renew those that live; False if stopped before."""
        for sign in signs.values():
            if not await self._sender.send(self._sender.live.due(sign), batch.position.seen_at):
                return False
            if isinstance(sign, Start):
                self._sender.live.note(sign)
        return True

    async def _save(self, position: Position) -> None:
        """Save in a thread, so that datagrams are received meanwhile. Of a full disk a warning is logged."""
        self._saved_at = time.monotonic()
        try:
            await asyncio.to_thread(self._sender.live.save)
            await asyncio.to_thread(self._position_file.save, position)
            self._source.answered()
        except OSError as error:
            self._notices.say("position", f"the position cannot be saved: {error}")

    async def _watch(self) -> None:
        """Follow rotations and update the gauges, also while a call is repeated."""
        while not self._sender.stopping.is_set():
            tail, batch = self._source.tail, self._under_way
            try:
                tail.look()
            except OSError as error:
                self._notices.say("log", f"the log cannot be read: {error}")
            oldest = batch.position if batch.lines else tail.position
            size = tail.backlog + sum(len(line.text or b"") + 1 for line in batch.lines)
            self._metrics.backlog_bytes.set(size)
            self._metrics.lag_seconds.set(age_bound(oldest.seen_at, time.time()) if size else 0)
            await asyncio.sleep(POLL_SECONDS)
