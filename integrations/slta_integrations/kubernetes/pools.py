"""Reads and changes the fleet's pools, in bulk."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from pydantic import BaseModel, ValidationError

from slta_client.replies import INVALID, Reply
from slta_integrations.client import Client
from slta_integrations.kubernetes.metrics import STATUSES, Telemetry
from slta_integrations.kubernetes.plan import SOURCE, Existing, Plan, Pool

BULK = 1000
MAX_REMOVALS = 200
"""Of one plan: each takes one or two calls, and what happened meanwhile waits."""
REFUSED_SECONDS = 30.0
"""Pools of a class that slta refused are not made for so long."""
READ_SECONDS = 60.0
"""Pools are read again so often, and after each error: others may have changed them."""


class StoppedError(Exception):
    """The plan cannot be continued: slta is away, or another watcher acts."""


class Pools:
    """The pools as last read, and as changed since."""

    def __init__(self, client: Client, source: str, may_act: Callable[[], bool], telemetry: Telemetry) -> None:
        """`source` is the value of the label of this watcher's pools; `may_act` is asked before each change."""
        self.source, self.may_act = source, may_act
        self.turn = asyncio.Lock()
        """Held by who reads or changes them, or decides by them."""
        self.existing = Existing({}, frozenset())
        self.retry_after = 0.0
        self._client = client
        self._metrics, self._notices = telemetry
        self._read_at: float | None = None
        self._refused_until: dict[str, float] = {}

    @property
    def is_due(self) -> bool:
        """Whether to read them again."""
        return self._read_at is None or time.monotonic() - self._read_at >= READ_SECONDS

    def forget(self) -> None:
        """Read them before the next plan."""
        self._read_at = None

    async def read(self) -> None:
        """Read all pools. Raises StoppedError."""
        started = time.monotonic()
        own: dict[str, Pool] = {}
        others: set[str] = set()
        async for reply in self._client.pages("pools"):
            for pool in _page(self._judged(reply)):
                if pool.labels.get(SOURCE) == self.source:
                    own[pool.pool_id] = pool
                else:
                    others.add(pool.pool_id)
        self.existing, self._read_at = Existing(own, frozenset(others)), started
        self.measure()

    async def execute(self, plan: Plan) -> None:
        """Make the calls, of removals the first `MAX_REMOVALS`. O(pools that change).

        A call that slta refuses is left out, and all pools are read before the next plan. Raises StoppedError.
        """
        for entries in _by_class(plan.changes.values()):
            await self._put(entries, "change")
        for ids in _chunks(plan.drains):
            await self._set_status(ids, "draining", "drain")
        await self._return(plan.returns)
        await self._create(plan.creations)
        for id_, is_failed_before in islice(plan.removals.items(), MAX_REMOVALS):
            if not is_failed_before or await self._step("POST", id_, "/fail", "fail"):
                await self._step("DELETE", id_, "", "remove")
        self.measure()

    async def _return(self, ids: Iterable[str]) -> None:
        """Failed pools one by one: a bulk call leaves them as they are."""
        failed: list[str] = []
        draining: list[str] = []
        for id_ in ids:
            (failed if self.existing.own[id_].status == "failed" else draining).append(id_)
        for chunk in _chunks(draining):
            await self._set_status(chunk, "active", "return")
        for id_ in failed:
            await self._step("POST", id_, "/undrain", "return")

    async def _create(self, creations: Iterable[Mapping[str, Any]]) -> None:
        now = time.monotonic()
        for entries in _by_class(creations):
            pool_class = entries[0]["pool_class"]
            if self._refused_until.get(pool_class, now) <= now and not await self._put(entries, "create"):
                self._refused_until[pool_class] = now + REFUSED_SECONDS

    def measure(self) -> None:
        """Set the gauge of pools by status."""
        counts = Counter(pool.status for pool in self.existing.own.values())
        for status in STATUSES:
            self._metrics.pools.labels(status).set(counts[status])

    async def _put(self, entries: Sequence[Mapping[str, Any]], action: str) -> bool:
        reply = await self._answer(self._client.call("POST", "pools", {"pools": entries}))
        if not reply.ok:
            return False
        self._count(action, len(entries))
        own = self.existing.own
        for entry in entries:
            old = own.get(entry["pool_id"]) or Pool(entry["pool_id"], entry["pool_class"], "active", 0, "", {})
            own[old.pool_id] = old._replace(
                address=entry.get("address", old.address), labels=entry.get("labels", old.labels)
            )
        created = reply.body.get("created")
        if action == "create" and (not isinstance(created, list) or len(created) < len(entries)):
            self.forget()
        return True

    async def _set_status(self, ids: Sequence[str], status: str, action: str) -> None:
        """In halves if slta refuses them as too many at once."""
        body = {"status": status, "pool_ids": ids}
        reply = await self._answer(self._client.call("POST", "pools/status", body))
        if reply.code == "change_too_large" and len(ids) > 1:
            for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
                await self._set_status(half, status, action)
        elif reply.ok:
            self._count(action, len(ids))
            for id_ in ids:
                self.existing.own[id_] = self.existing.own[id_]._replace(status=status)

    async def _step(self, method: str, pool_id: str, path: str, action: str) -> bool:
        """A call about one pool."""
        reply = await self._answer(self._client.call(method, f"pools/{pool_id}{path}"))
        if not reply.ok:
            return False
        self._count(action, 1)
        if action == "remove":
            del self.existing.own[pool_id]
        else:
            pool = self.existing.own[pool_id]
            self.existing.own[pool_id] = pool._replace(status="failed" if action == "fail" else "active")
        return True

    def _count(self, action: str, pools: int) -> None:
        self._metrics.changes.labels(action).inc(pools)

    async def _answer(self, call: Any) -> Reply:  # noqa: ANN401 - a coroutine
        """The reply, also a refusal of this call. Raises StoppedError where other calls would fare no better."""
        if not self.may_act():
            call.close()
            raise StoppedError
        return self._judged(await call)

    def _judged(self, reply: Reply) -> Reply:
        self._metrics.calls.labels(reply.code or "ok").inc()
        if reply.ok:
            self.retry_after = 0.0
            self._notices.over("dispatcher", "slta answers again.")
            return reply
        self.forget()
        self._notices.say("dispatcher", f"slta did not change the pools: {reply.problem}")
        if reply.status in {404, 409, 422} and reply.code != "unknown_fleet":
            return reply
        self.retry_after = reply.retry_after
        raise StoppedError


class _Listed(BaseModel):
    """Pool of a page."""

    pool_id: str
    pool_class: str
    status: str
    occupancy: int
    address: str | None = None
    labels: dict[str, str] | None = None


class _Page(BaseModel):
    pools: list[_Listed]
    next_cursor: str | None = None


def _page(reply: Reply) -> list[Pool]:
    """The pools of a page. Raises StoppedError for what is none."""
    try:
        page = _Page.model_validate(reply.body)
    except ValidationError:
        raise StoppedError(INVALID) from None
    return [
        Pool(pool.pool_id, pool.pool_class, pool.status, pool.occupancy, pool.address or "", pool.labels or {})
        for pool in page.pools
    ]


def _by_class(entries: Iterable[Mapping[str, Any]]) -> list[Sequence[Mapping[str, Any]]]:
    """Entries for one call each, of one class: an unknown class fails its own pools only."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in entries:
        found[entry["pool_class"]].append(entry)
    return [chunk for group in found.values() for chunk in _chunks(group)]


def _chunks(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + BULK] for start in range(0, len(items), BULK)]
