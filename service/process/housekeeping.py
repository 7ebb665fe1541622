"""What a dispatcher does besides answering: reap and integrate every second, take up files, keep its store alive."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress

import structlog

from service.access.keys import Access, AccessError
from service.errors import DispatchError, OutcomeUnknown, StoreUnavailable
from service.fleet_file import LoadedFleet, Specs
from service.fleet_file.applying import Applied, apply_file
from service.metrics import Activity
from service.process.certificates import ListenError
from service.process.repairing import AutomaticRepairs
from service.process.ticking import Ticks
from service.store import Store
from service.store.embedded import EmbeddedStore
from service.store.requirements import Demands, Eviction

ROUND_SECONDS = 1.0
JITTER = 0.25
SHORTEST_PAUSE_SECONDS = 0.1
"""After a round that took a second or longer."""
CANCEL_AGAIN_SECONDS = 0.1
PATIENCE_SECONDS = 2.0
"""How long serving waits for a store to examine, and to apply the fleet file to; then it begins, and both follow."""

log = structlog.get_logger(__name__)


class Housekeeping:
    """The tasks of one process. Errors are logged and tried again; only a refused store or fleet file ends it."""

    def __init__(  # noqa: PLR0913 - one argument for each thing that is looked after
        self,
        store: Store,
        specs: Specs,
        access: Access,
        embedded: EmbeddedStore | None,
        file: LoadedFleet | None,
        demands: Demands,
        metrics: Activity,
        *,
        take_up_certificate: Callable[[], bool] = lambda: False,
    ) -> None:
        """`embedded` is the store that this process owns, `file` the fleet file to apply; None where there is none.

        `demands` are made on a store of others. `metrics` count what happens to it. `take_up_certificate` shows a
        changed one from now on, and says whether it had changed.
        """
        self._store = store
        self._specs = specs
        self._files: dict[str, tuple[Callable[[], bool], Callable[[], dict[str, list[str]]]]] = {
            "keys": (access.reload_if_changed, access.last_change),
            "certificate": (take_up_certificate, dict),
        }
        self._embedded = embedded
        self._file = file
        self._demands = demands
        self._metrics = metrics
        self._repairs = AutomaticRepairs(store, specs, metrics.repair_blocked)
        self._ticks = Ticks(store, self._repairs, metrics.fleet_vanished)
        self._eviction: Eviction | None = None
        self._trouble = ""

    @asynccontextmanager
    async def under_way(self, give_up: Callable[[], None]) -> AsyncIterator[None]:
        """Run the tasks meanwhile.

        If the store cannot be relied on, or refuses the fleet file, that error is raised on entry. If it turns out only
        later, `give_up` is called, and the error is raised on exit.
        """
        tasks = [asyncio.create_task(task) for task in self._tasks()]
        beginning = asyncio.create_task(self._begin())
        try:
            await asyncio.wait([beginning], timeout=PATIENCE_SECONDS)
            if beginning.done():
                beginning.result()
            beginning.add_done_callback(lambda task: give_up() if not task.cancelled() and task.exception() else None)
            yield
            if beginning.done():
                beginning.result()
        finally:
            await end_all([*tasks, beginning])

    def _tasks(self) -> list[Coroutine[object, object, None]]:
        rounds = [_every_second(self._watch_store, self._store.doubted), _every_second(self._keep_house)]
        rounds.append(_every_second(self._repairs.round, self._repairs.asked))
        return [*rounds, self._store.listen(), *([self._embedded.supervise()] if self._embedded else [])]

    async def _begin(self) -> None:
        """What must be right once: the store, then the fleet file."""
        await self._store.check()
        if self._embedded is None:
            await _once_available(self._examine_store)
        if self._file:
            await _once_available(self._apply_file, self._file)

    async def _examine_store(self) -> None:
        if not await self._store.examine(self._demands):
            log.warning("store_not_examined", why="its user may not call INFO")

    async def _apply_file(self, file: LoadedFleet) -> None:
        _log_applied(file.name, await apply_file(self._store, self._specs, file))

    async def _watch_store(self) -> None:
        """On its own, so that what it finds is never older than a call of the store and a second."""
        await self._store.check()

    async def _keep_house(self) -> None:
        self._take_up_files()
        with suppress(DispatchError):
            await self._watch_eviction()
        trouble = await self._ticks.round(self._eviction.evicted_keys if self._eviction else 0)
        refused = self._store.readiness not in ("ready", "starting")
        self._say_once(self._store.readiness if refused else trouble)

    def _take_up_files(self) -> None:
        for what, (reload_if_changed, told) in self._files.items():
            try:
                if reload_if_changed():
                    log.info("file_reloaded", what=what, **told())
            except (AccessError, ListenError) as error:
                log.error("file_not_reloaded", what=what, reason=str(error))  # noqa: TRY400 - it says all

    async def _watch_eviction(self) -> None:
        """Say when the store begins to throw keys away: `maxmemory-policy` can be set while it runs."""
        before, found = self._eviction, await self._store.eviction()
        evicted, evicts = bool(before and before.is_possible), bool(found and found.is_possible)
        if found and evicts and found.policy != (before and before.policy):
            log.error("store_evicts", policy=found.policy)
        elif evicted and not evicts:
            log.info("store_evicts_no_more")
        self._eviction = found
        self._metrics.eviction(found)

    def _say_once(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("store_in_trouble", what=trouble)
        if self._trouble and not trouble:
            log.info("store_available_again")
        self._trouble = trouble


async def end_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: `asyncio.wait_for` before Python 3.12, which redis-py calls, may swallow it."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _every_second(work: Callable[[], Awaitable[None]], sooner: asyncio.Event | None = None) -> None:
    """Begin a second after it began last, however long it took, or at once when `sooner` is set."""
    sooner = sooner or asyncio.Event()
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + ROUND_SECONDS * random.uniform(1 - JITTER, 1 + JITTER)
        try:
            await work()
        except Exception:
            log.exception("round_failed")
        with suppress(TimeoutError):
            async with asyncio.timeout_at(max(due, clock() + SHORTEST_PAUSE_SECONDS)):
                await sooner.wait()


async def _once_available(work: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """Try until the store answers; the rounds say that it does not."""
    while True:
        try:
            return await work(*arguments)
        except (StoreUnavailable, OutcomeUnknown):
            await asyncio.sleep(ROUND_SECONDS)


def _log_applied(fleet: str, applied: Applied | None) -> None:
    if applied is None:
        log.info("fleet_file_already_applied", fleet=fleet)
        return
    log.info(
        "fleet_file_applied",
        fleet=fleet,
        config_version=applied.configured.config_version,
        created_pools=len(applied.pools.created),
    )
