"""Agent: the calls and heartbeats of all pools of a host, and the loop of each pool, until all have left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import inf
from typing import Any

from slta_client.replies import Reply
from slta_client.rules import bound_seconds, pause_seconds
from slta_client.timer import is_set_within
from slta_integrations.agent.config import AgentFile
from slta_integrations.agent.metrics import Metrics
from slta_integrations.agent.pool import REFUSED_DELAY_SECONDS, Pool, now
from slta_integrations.client import Client
from slta_integrations.notices import Notices

MIN_TIMEOUT_SECONDS = 0.5
MAX_TIMEOUT_SECONDS = 5.0
FIRST_DELAY_SECONDS = 0.1
COUNT_WAIT_SECONDS = 0.5
"""A heartbeat waits so long at most for its counts, which are begun when it is due."""
MAX_PROBES = 16
"""Commands and URLs at once."""


def timeout_seconds(ttl_seconds: float) -> float:
    """Deadline of a call: one without an answer leaves time for three others within a lease."""
    return min(max(ttl_seconds / 4, MIN_TIMEOUT_SECONDS), MAX_TIMEOUT_SECONDS)


class Agent:
    """Agent of the pools of one file. Setting `leaving` drains them and removes each when it is empty."""

    def __init__(self, file: AgentFile, client: Client, metrics: Metrics, notices: Notices) -> None:
        """In a running event loop."""
        self.metrics, self.notices = metrics, notices
        self.leaving = asyncio.Event()
        self.turn = asyncio.Lock()
        """Of the pools, whose calls are made one at a time; heartbeats do not wait for them."""
        self.probing = asyncio.Semaphore(MAX_PROBES)
        self.retry_at = self._beat_at = self._sent_at = -inf
        """When calls may be made, when heartbeats are due, and when they were sent last."""
        self.pools = [Pool(entry, self) for entry in file.pools]
        self._file, self._client, self._attempts = file, client, 0
        self._due = asyncio.Event()

    @property
    def left(self) -> list[str]:
        """Pools that have not left."""
        return [pool.id for pool in self.pools if not pool.has_left]

    async def run(self) -> None:
        """Run until the pools have left, or their time is over."""
        try:
            async with asyncio.TaskGroup() as group:
                beats = group.create_task(self._beat(group))
                loops = [group.create_task(pool.run()) for pool in self.pools]
                await self.leaving.wait()
                self.notices.tell(f"Stopping: the pools have {self._file.drain_seconds:g} s to become empty")
                for pool in self.pools:
                    pool.leave()
                await asyncio.wait(loops, timeout=self._file.drain_seconds)
                for task in (beats, *loops):
                    task.cancel()
        finally:
            self._show(is_present=False)

    def _show(self, *, is_present: bool) -> None:
        """Make or remove the file that says so. A failure is not shown: the pools are more important."""
        if file := self._file.present_file:
            with suppress(OSError):
                (file.touch if is_present else file.unlink)()

    def noted(self) -> None:
        """The heartbeats of a pool begin or end. The first one is sent soon, together with others that begin now."""
        self._show(is_present=any(pool.beats for pool in self.pools))
        self._beat_at = min(self._beat_at, self._sent_at + self._file.ttl_seconds / 10)
        self._due.set()

    async def call(self, kind: str, method: str, path: str, body: Mapping[str, Any] | None) -> Reply | None:
        """The reply; None if slta did not answer the question: the next call is as likely to fail.

        Delays rise to a quarter of the lease: no more calls than while slta answers.
        """
        reply = await self._client.call(method, path, body)
        self.metrics.calls.labels(kind, reply.code or "ok").inc()
        if not reply.may_pass:
            self._attempts, self.retry_at = 0, -inf
            self.notices.over("call", "slta answers again.")
            return reply
        self.notices.say("call", f"No answer from slta, the pools keep their sessions: {reply.problem}")
        most = max(self._file.ttl_seconds / 4, MIN_TIMEOUT_SECONDS)
        bound = bound_seconds(self._attempts, FIRST_DELAY_SECONDS, most)
        self.retry_at = now() + pause_seconds(bound, reply.retry_after)
        self._attempts += 1
        return None

    async def _beat(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._due.clear()
            beating = [pool for pool in self.pools if pool.beats]
            seconds = max(self._beat_at, self.retry_at) - now() if beating else None
            if seconds is None or seconds > 0:
                await is_set_within(self._due, seconds)
            else:
                await self._heartbeats(beating, group)

    async def _measure(self, pools: Sequence[Pool], group: asyncio.TaskGroup) -> None:
        """Count when the heartbeat is due: an older count differs from slta's without a reason."""
        tasks = {group.create_task(pool.measure()): pool for pool in pools if pool.entry.count}
        for task in (await asyncio.wait(tasks, timeout=COUNT_WAIT_SECONDS))[1] if tasks else ():
            task.cancel()
            tasks[task].failed("count", f"took over {COUNT_WAIT_SECONDS} s")

    async def _heartbeats(self, pools: Sequence[Pool], group: asyncio.TaskGroup) -> None:
        """One call for all."""
        await self._measure(pools, group)
        ttl, self._sent_at = self._file.ttl_seconds, now()
        self._beat_at = self._sent_at + ttl / 2
        rows = [{"pool_id": pool.id, "ttl_seconds": ttl, **pool.measured} for pool in pools]
        reply = await self.call("heartbeats", "POST", "pools/heartbeats", {"heartbeats": rows})
        if reply is None or not reply.ok:
            self._beat_at = now() + (pause_seconds(REFUSED_DELAY_SECONDS, reply.retry_after) if reply else 0)
            if reply:
                self.notices.say("heartbeats", f"slta refuses the heartbeats, they are repeated: {reply.problem}")
            return
        self.notices.over("heartbeats", "slta accepts the heartbeats again.")
        self.metrics.last_answer_timestamp_seconds.set_to_current_time()
        given = reply.body.get("pools")
        listed = [row for row in (given if isinstance(given, list) else ()) if isinstance(row, dict)]
        found = {str(row.get("pool_id")): row for row in listed}
        for pool in pools:
            pool.answered(found.get(pool.id, {}), reply.body.get("as_of"))
        said = [s for row in listed if type(s := row.get("next_seconds", 0)) in {int, float} and s > 0]
        usual = ttl * random.uniform(0.25, 1 / 3)
        self._beat_at = min(self._beat_at, self._sent_at + max(min(said, default=usual), ttl / 10))
