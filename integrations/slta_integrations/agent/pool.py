"""Pool of the agent: what slta is known to have of it, what the agent wants, and the loop from one to the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from slta_client.replies import Reply
from slta_client.rules import pause_seconds
from slta_client.timer import is_set_within
from slta_integrations.agent.config import MARK, MARKED, Health, Listing, PoolEntry, Source
from slta_integrations.agent.metrics import OUTCOMES
from slta_integrations.agent.probe_output import count_of, listing_of
from slta_integrations.agent.sources import ask

if TYPE_CHECKING:
    from slta_integrations.agent.agent import Agent

FAILURES = 3
"""Failed health checks in a row that drain the pool."""
REFUSED_DELAY_SECONDS = 5.0
LEAVE_SECONDS = 1.0
"""Between two attempts to remove a pool that has sessions."""
LIST_RETRY_SECONDS = 10.0
LISTED = ("ended", "adopted", "over_capacity", "incompatible", "already_ended", "elsewhere")
"""Members of the reply to a list."""
UNKNOWN, ABSENT, ACTIVE, DRAINING, FAILED = "unknown", "absent", "active", "draining", "failed"
"""Status at slta: to be read, not there, and the three of the API."""
STATUSES = (ACTIVE, DRAINING, FAILED)
"""Not a set: a reply may have anything there, also what has no hash."""
STEPS = {"read": "GET", "register": "POST", "drain": "POST", "undrain": "POST", "sessions": "PUT", "remove": "DELETE"}
"""Methods of the calls."""
T = TypeVar("T")


def now() -> float:
    """Seconds of the event loop."""
    return asyncio.get_running_loop().time()


class Pool:
    """Pool of the agent. Times are of the event loop."""

    def __init__(self, entry: PoolEntry, agent: Agent) -> None:
        self.entry, self.id = entry, entry.pool_id
        self.status = UNKNOWN
        self.marked = False
        """Whether the agent drained it; a label says so to the next agent."""
        self.registered = False
        """Whether slta has its address and labels as they are now."""
        self.beats = False
        """Whether it has heartbeats: it exists, and an attempt was made to set its address, which they would revive."""
        self.leaving = False
        self.healthy = entry.health is None
        """Whether it may have sessions: the last health check passed, or there is none."""
        self.failures = 0
        self.measured: Mapping[str, float] = {}
        """Count and quality of its sessions, for the next heartbeat."""
        self._agent, self._metrics, self._notices = agent, agent.metrics, agent.notices
        self._changed = asyncio.Event()
        self._asked_as_of: str | None = None
        """slta asked for the list. What was placed before this moment and is not listed will be ended."""
        self._list: Mapping[str, Any] | None = None
        """The list, to be sent."""
        self._retry_at = self._health_at = -inf
        self._list_at = inf

    @property
    def has_left(self) -> bool:
        """Whether nothing of it is left at slta."""
        return self.leaving and self.status == ABSENT

    async def run(self) -> None:
        """Call, check and list, one after the other, until the pool has left."""
        while not self.has_left:
            self._changed.clear()
            due = [(max(self._retry_at, self._agent.retry_at) if self.step() else inf, self._call)]
            if self.entry.health:
                due.append((self._health_at, partial(self._check, self.entry.health)))
            if self.entry.sessions:
                due.append((self._list_at, partial(self._take_list, self.entry.sessions)))
            at, act = min(due, key=lambda pair: pair[0])
            if at <= now():
                await act()
            else:
                await is_set_within(self._changed, None if at == inf else at - now())

    def step(self) -> str | None:
        """The next call, or None.

        1. Read status and label.
        2. Create the pool once it is healthy; set its attributes.
        3. Set the mark before a drain, and clear it after an undrain: an agent that is killed in between is
           followed by one that knows who drained. A pool that somebody else drained is not marked, so never undrained.
        4. Send the list that slta asked for.
        5. Remove the pool when it leaves.
        """
        must_drain = self.leaving or self.failures >= FAILURES
        if self.status == ACTIVE and self.marked != must_drain:
            self.marked, self.registered = must_drain, False
        if self.status == UNKNOWN:
            return "read"
        if self.status == ABSENT:
            return "register" if self.healthy and not self.leaving else None
        if not self.registered:
            return "register"
        if must_drain and self.status == ACTIVE:
            return "drain"
        if not must_drain and self.marked and self.healthy and self.status == DRAINING:
            return "undrain"
        return "sessions" if self._list else "remove" if self.leaving else None

    async def _call(self) -> None:
        async with self._agent.turn:
            step = self.step()
            if step is None or now() < self._agent.retry_at:
                return
            path = f"pools/{self.id}" if step in {"read", "remove"} else f"pools/{self.id}/{step}"
            body = self._list if step == "sessions" else None
            if step == "register":
                labels = self.entry.labels | ({MARK: MARKED} if self.marked else {})
                row = {"pool_id": self.id, "pool_class": self.entry.pool_class, "address": self.entry.address}
                path, body = "pools", {"pools": [row | {"labels": labels}]}
            reply = await self._agent.call(step, STEPS[step], path, body)
        if step == "register" and not self.beats and (self.status != ABSENT or (reply and reply.ok)):
            self.beats = True
            self._agent.noted()
        if reply is None:
            return
        if self._settle(step, reply):
            self._notices.over(f"{step} {self.id}", f"{step} of {self.id}: slta accepts it again.")
        elif reply.code == "pool_not_empty":
            self._retry_at = now() + pause_seconds(LEAVE_SECONDS, reply.retry_after)
        else:
            self._notices.say(f"{step} {self.id}", f"slta refuses {step} of {self.id}: {reply.problem}")
            self._retry_at = now() + pause_seconds(REFUSED_DELAY_SECONDS, reply.retry_after)

    def _settle(self, step: str, reply: Reply) -> bool:
        """Apply a reply; False if slta refused the call. A refused list is given up: slta asks again."""
        self._list = None if step == "sessions" else self._list
        if reply.code == "unknown_pool" or (step == "remove" and reply.ok):
            if step == "remove":
                self._notices.tell(f"The pool {self.id} is removed.")
            self._gone()
            return True
        before, status, labels = self.status, reply.body.get("status"), reply.body.get("labels")
        match step if reply.ok else "":
            case "read" if status in STATUSES and isinstance(labels, dict):
                self.status, self.marked = status, MARK in labels
            case "register":
                self.registered, self.status = True, ACTIVE if before == ABSENT else before
            case "drain" | "undrain":
                self.status = status if status in STATUSES else UNKNOWN
                return self.status not in {UNKNOWN, before}
            case "sessions":
                for name in LISTED:
                    ids = reply.body.get(name)
                    self._metrics.listed_sessions.labels(name).inc(len(ids) if isinstance(ids, list) else 0)
            case _:
                return False
        return True

    def answered(self, row: Mapping[str, Any], as_of: object) -> None:
        """Apply the outcome of a heartbeat.

        A list that slta asks for is taken some seconds later: a session that was placed just before may not have
        reached the pool. Until a list that was taken is sent, its own moment counts, not a later one.
        """
        outcome, kind = row.get("outcome"), f"outcome {self.id}"
        self._metrics.heartbeats.labels(outcome if outcome in OUTCOMES else "malformed").inc()
        match outcome:
            case "ok":
                self._notices.over(kind, f"The pool {self.id} is in service again.")
                self.status = UNKNOWN if self.status == FAILED else self.status
            case "lost_before":
                self._notices.say(kind, f"slta had lost the pool {self.id}: no heartbeat had come within its lease")
            case "failed":
                self.status = FAILED
                self._notices.say(kind, f"The pool {self.id} is failed: it gets no sessions before `undrain`")
            case "unknown_pool":
                self._notices.say(kind, f"slta does not have the pool {self.id}")
                self._gone()
        if row.get("list") is True and isinstance(as_of, str) and self.entry.sessions and self._list is None:
            self._asked_as_of, self._list_at = as_of, now() + self.entry.sessions.settle_seconds
        self._changed.set()

    def leave(self) -> None:
        """Drain, then remove."""
        self.leaving, self._retry_at = True, -inf
        self._read_again()
        self._changed.set()

    def _read_again(self) -> None:
        self.status = UNKNOWN if self.status in STATUSES else self.status

    def _gone(self) -> None:
        """slta does not have it: registered again, unless it leaves."""
        self.status = ABSENT
        self.beats = self.registered = self.marked = False
        self._asked_as_of, self._list, self._list_at = None, None, inf
        self._agent.noted()

    async def measure(self) -> None:
        """Take the count for the next heartbeat."""
        self.measured = {}
        if self.entry.count:
            self.measured = await self._probe("count", self.entry.count, count_of) or {}

    async def _check(self, health: Health) -> None:
        """Check the health. A change of the aim begins by reading what slta has."""
        self.healthy = await self._probe("health", health, lambda _: True) is True
        self._health_at = now() + health.every_seconds
        self._metrics.pool_healthy.labels(self.id).set(self.healthy)
        has_recovered = self.healthy and not self.leaving and (self.marked or self.failures >= FAILURES)
        self.failures = 0 if self.healthy else self.failures + 1
        if self.failures == FAILURES:
            self._notices.say(f"unhealthy {self.id}", f"{self.id} is drained: {FAILURES} health checks failed")
        elif self.healthy:
            self._notices.over(f"unhealthy {self.id}", f"{self.id} is healthy: it returns if it was drained for that")
        if self.failures == FAILURES or has_recovered:
            self._read_again()

    async def _take_list(self, listing: Listing) -> None:
        as_of, self._list_at = self._asked_as_of, inf
        found = await self._probe("sessions", listing, listing_of)
        if found is None:
            self._list_at = now() + LIST_RETRY_SECONDS
        elif self._asked_as_of:
            self._list, self._list_at = {"as_of": as_of, **found}, inf

    async def _probe(self, kind: str, source: Source, read: Callable[[bytes], T]) -> T | None:
        """What is read of the output; None if that fails, whatever the output is: it must not end other probes."""
        try:
            async with self._agent.probing:
                found = read(await ask(self.id, source))
        except Exception as error:  # noqa: BLE001 - an output that nobody foresaw
            self.failed(kind, str(error) or type(error).__name__)
            return None
        self._notices.over(f"{kind} {self.id}", f"{kind} of {self.id}: it succeeds again.")
        return found

    def failed(self, kind: str, problem: str) -> None:
        """Count and log a probe that failed."""
        self._metrics.failures.labels(self.id, kind).inc()
        self._notices.say(f"{kind} {self.id}", f"{kind} of {self.id}: {problem}")
