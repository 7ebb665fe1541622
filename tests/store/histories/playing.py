"""Plays a history: acts of two dispatchers on a real server whose data go back, and a model that is told the same.

Time is the test's: the server is given it with each call, and the replay logs read it. At a loss the server is killed,
and a new process gets the keys that were copied before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from math import inf
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch

from structlog.testing import capture_logs

from slta.audit import audit_fleet
from slta.fleet_file import Specs, parse_document
from slta.fleet_file.applying import apply_fleet
from slta.models import AlreadyEnded, Completed, Drain, Placement, PoolsAdded, PoolSpec, Renewal, Reported, errors
from slta.models.pools import Heartbeat
from slta.store import Store, StoreSettings
from slta.store._failover import replay_log
from slta.store._replies import operation_result
from testbed.in_process import tick
from testbed.servers import Server
from tests.audit import violations
from tests.store.conftest import Calls, Clock
from tests.store.histories.model import ANY_REASON, FORGET, GONE, Found, Model
from tests.store.moving import PATIENT

FLEET = "history"
DISPATCHERS = 2
LOST_SECONDS = 4.5
"""At most, from the copy to the loss."""
BETWEEN_SECONDS = 0.001
"""From one act to the next."""
SETTLING_SECONDS = 34
"""Items are taken for five after a fork, and while others come for 30."""
OF_NO_CALL = frozenset({"seconds", "gap", "stop", "go_on", "copy", "lose", "settle"})
"""Acts that are not asked of a dispatcher."""


class Act(NamedTuple):
    """What a dispatcher is asked, by the name of a method of `Play`, or what happens to it or to the store."""

    kind: str
    by: int = 0
    words: tuple[Any, ...] = ()


def document(policy: str, pools: Mapping[str, int], capacity: int, lease: float, types: Mapping[str, Any]) -> Any:
    """A fleet of two classes, in which pools are soon gone and forgotten."""
    curve = {"kind": "log_share", "resource": 20}
    classes = [
        {"name": name, "utility": curve, "capacity": capacity + number, "pools": pools[name]}
        for number, name in enumerate(("small", "large"))
    ]
    timing = {"lease_seconds": lease, "gone_seconds": GONE, "forget_seconds": FORGET}
    return {"policy": policy, "classes": classes, "session_types": types, **timing}


class Play:
    """One history, on an empty server."""

    def __init__(self, server: Server, seed: int) -> None:
        self.model, self.clock, self._server, self._specs = Model(), Clock(), server, Specs()
        settings, self._calls = StoreSettings(server.url, **PATIENT), Calls()
        self._stores = [
            Store(settings, self._calls, draw=Random(f"{seed} {number}").random, clock=self.clock)
            for number in range(DISPATCHERS)
        ]
        self.stopped: set[int] = set()
        self._keys: dict[str, Any] = {}
        self._lag = 0
        self.lease = 0.0
        """The default of the fleet."""

    async def run(self, acts: Any) -> Model:
        """Play acts until one violates the model; then all dispatchers go on, and the store is judged."""
        with self._server.client() as redis:
            redis.flushall()
        with ExitStack() as stack:
            stack.enter_context(patch.object(replay_log, "monotonic", lambda: self.clock.now / 1e6))
            stack.enter_context(capture_logs())
            try:
                async for act in acts:
                    await self.play(act)
                    if self.model.violations:
                        return self.model
                await self.play(Act("settle"))
            finally:
                for store in self._stores:
                    await store.close()
        return self.model

    async def play(self, act: Act) -> None:
        """One act; a call that is refused changes nothing. Then dispatchers that doubt the store look at it."""
        model = self.model
        self.clock.advance(BETWEEN_SECONDS)
        model.step, model.time = model.step + 1, self.clock.now / 1e6
        if act.by in self.stopped and act.kind not in OF_NO_CALL:
            return
        try:
            await getattr(self, f"_{act.kind}")(self._stores[act.by], act.by, *act.words)
            model.loss.is_followed |= act.kind not in OF_NO_CALL and model.loss.at > 0
        except (errors.StoreUnavailableError, errors.OutcomeUnknownError, errors.InvalidFleetError):
            raise
        except errors.DispatchError:
            pass
        self._lag -= 1
        if self._lag < 0:
            for number in self._running(act.by):
                if self._stores[number].recovery_requested.is_set():
                    await self._stores[number].recover()

    def _running(self, first: int) -> list[int]:
        return [number for number in (first, 1 - first) if number not in self.stopped]

    # --- Sessions

    async def _operate(self, store: Store, by: int, *requests: tuple[str, str, str, str]) -> None:
        results = await store.sessions.operate(FLEET, requests)
        for (kind, id_, lease, option), result in zip(requests, results, strict=True):
            self._told(kind, id_, lease, option, operation_result(kind, id_, result), by)

    def _told(self, kind: str, id_: str, lease: str, option: str, result: Any, by: int) -> None:
        model = self.model
        match result:
            case Placement(replayed=True) | Reported(outcome="same"):
                model.there(id_, result.pool_id)
                if " touch" in option:
                    model.renewed(id_, result.lease_seconds, by)
            case Placement() | Reported():
                model.placed(id_, result.pool_id, result.lease_seconds, by, word=getattr(result, "outcome", kind))
            case Completed():
                model.ended_now(id_, by)
            case AlreadyEnded() | errors.SessionEndedError():
                model.told_gone(id_, getattr(result, "reason", ANY_REASON))
            case errors.UnknownSessionError():
                model.told_gone(id_, "unknown")
            case Renewal():
                model.renewed(id_, float(lease) if lease else None, by)
            case errors.StoreUnavailableError() | errors.OutcomeUnknownError():
                raise result

    async def _list(self, store: Store, by: int, pool_id: str, *ids: str) -> None:
        as_of = (await store.fleets.snapshot(FLEET)).as_of
        result = await store.pools.reconcile(FLEET, pool_id, as_of, ids)
        for id_ in result.ended:
            self.model.ended_now(id_, by)
        for id_ in result.adopted:
            self.model.placed(id_, pool_id, self.lease, by, word="new")

    # --- Pools

    async def _add(self, store: Store, _: int, pool_class: str, *pool_ids: str) -> None:
        specs = [PoolSpec(pool_id, pool_class, f"{pool_id}:80") for pool_id in pool_ids]
        self._added(await store.pools.add(FLEET, specs), pool_class, is_addressed=True)

    def _added(self, added: PoolsAdded, pool_class: str = "", *, is_addressed: bool = False) -> None:
        for pool_id in added.created:
            self.model.made(pool_id, pool_class or pool_id.partition("-")[0])
        for pool_id in (*added.created, *added.changed, *added.unchanged):
            pool = self.model.changed(pool_id)
            pool.address = f"{pool_id}:80" if is_addressed else pool.address

    async def _move(self, store: Store, _: int, pool_id: str, pool_class: str) -> None:
        pool, is_new = await store.pools.move(FLEET, PoolSpec(pool_id, pool_class))
        if is_new:
            self.model.made(pool_id, pool_class)
        known = self.model.changed(pool_id)
        known.pool_class, known.address = pool_class, pool.address

    async def _remove(self, store: Store, _: int, pool_id: str) -> None:
        try:
            await store.pools.remove(FLEET, pool_id)
        except errors.UnknownPoolError:
            self.model.removed(pool_id, was_there=False)
        else:
            self.model.removed(pool_id, was_there=True)

    async def _state(
        self, store: Store, _: int, status: Any, seconds: float, then: Any, pools: str | tuple[str, ...]
    ) -> None:
        drain = Drain(deadline_seconds=seconds, then=then) if then else None
        result = await store.pools.set_statuses(FLEET, status, pools, drain=drain)
        self.model.stated(result.changed, status, self.model.time + seconds if then == "fail" else inf)
        for pool_id in result.unchanged:  # one of a class has that status, or has failed
            known = self.model.changed(pool_id)
            if not isinstance(pools, str) or (known.status != "failed" and known.fails_at > self.model.time):
                self.model.stated([pool_id], status)

    async def _fail(self, store: Store, _: int, pool_id: str) -> None:
        failed = await store.pools.fail(FLEET, pool_id)
        self.model.stated([pool_id], "failed")
        for id_ in failed.ended_session_ids:
            self.model.ended_now(id_)

    async def _beat(self, store: Store, _: int, lease: int, *pool_ids: str) -> None:
        heartbeats = [Heartbeat(pool_id, str(lease)) for pool_id in pool_ids]
        for beat in (await store.pools.beat(FLEET, heartbeats)).pools if heartbeats else ():
            if beat.outcome in ("ok", "lost_before"):
                self.model.heard(beat.pool_id, lease)

    async def _end_guard(self, store: Store, _: int) -> None:
        await store.pools.end_guard(FLEET, None)

    # --- Fleets

    async def _put(self, store: Store, _: int, file: Any) -> None:
        self.lease = file["lease_seconds"]
        applied = await apply_fleet(store, self._specs, FLEET, parse_document(json.dumps(file)))
        self.model.put(created=applied.configured.created)
        self._added(applied.pools)

    async def _delete(self, store: Store, _: int) -> None:
        await store.fleets.delete(FLEET)
        self.model.deleted()

    # --- Time, losses, judgement

    async def _seconds(self, _: Store, by: int, count: int) -> None:
        for _second in range(count):
            self.clock.advance(1)
            self.model.time = self.clock.now / 1e6
            for number in self._running(by):
                store = self._stores[number]
                await store.check()
                await store.recover()
                store.keep_only(await store.fleets.names())
                with suppress(errors.UnknownFleetError):
                    await tick(store, FLEET)
                if store.recovery_requested.is_set():
                    await store.recover()
            self.model.loss.is_open &= bool(self.stopped)

    async def _gap(self, store: Store, by: int, seconds: float) -> None:
        """Nobody calls for so long."""
        if self.model.loss.at:
            self.model.loss.stopped = set(range(DISPATCHERS))
        self.clock.advance(seconds - 1)
        await self._seconds(store, by, 1)

    async def _stop(self, _: Store, by: int) -> None:
        """The dispatcher stands still; the other one goes on."""
        if not self.stopped:
            self.stopped = {by}

    async def _go_on(self, store: Store, by: int) -> None:
        if by in self.stopped:
            self.stopped -= {by}
            await store.check()

    async def _copy(self, *_: Any) -> None:
        if self.model.life > 0 and not self.model.loss.at:
            with self._server.client() as redis:
                self._keys = {key: redis.dump(key) for key in redis.scan_iter(count=1000)}
            self.model.copied()

    async def _lose(self, _: Store, __: int, lag: int) -> None:
        """The store is as at the copy; dispatchers look after `lag` more acts, or in the next second."""
        if not self._keys or self.model.loss.at or self.model.time - self.model.copied_at > LOST_SECONDS:
            return
        self._server.kill()
        self._server.start()
        with self._server.client() as redis, redis.pipeline(transaction=False) as pipeline:
            for key, dumped in self._keys.items():
                pipeline.restore(key, 0, dumped)
            pipeline.execute()
        self.model.lost(self.stopped)
        self._lag = lag
        for number in self._running(0):
            await self._stores[number].check()  # finds its connections broken

    async def _settle(self, store: Store, by: int) -> None:
        """All go on, refused facts have been tried again, and the store is judged."""
        self.stopped = set()
        await self._seconds(store, by, SETTLING_SECONDS)
        with self._server.client() as redis:
            live = {id_: record.split()[0] for id_, record in redis.hgetall(f"{{{FLEET}}}:sessions").items()}
            ended = redis.hgetall(f"{{{FLEET}}}:ended:0") | redis.hgetall(f"{{{FLEET}}}:ended:1")
            is_there = redis.exists(f"{{{FLEET}}}:fleet")
            broken = violations(redis, FLEET) if is_there else []
        reasons = {id_: record.split()[0] for id_, record in ended.items()}
        page = (await store.pools.page(FLEET, None, 1000)).pools if is_there else []
        pools = {pool.pool_id: Found(pool.pool_class, pool.status, pool.address) for pool in page}
        self.model.judge(live, reasons, pools, self._calls.lost.total())
        self._calls.lost.clear()
        self._keys = {}
        findings = (await audit_fleet(store, self._specs, FLEET)).sentences if is_there else []
        for sentence in [*broken, *findings]:
            self.model.violate("audit", sentence)
