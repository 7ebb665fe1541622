"""Background tasks of a dispatcher: ticks, store checks, file reloads, repairs, audits and the embedded store."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

import structlog

from slta.auth.key_reader import reload_if_changed
from slta.auth.keys import Access, AccessError
from slta.fleet_file import LoadedFleet, Specs
from slta.fleet_file.applying import apply_file
from slta.metrics.process_metrics import HELD, ProcessMetrics
from slta.models import Findings
from slta.models.errors import (
    CapacityBelowOccupancyError,
    ClassInUseError,
    DispatchError,
    InvalidFleetError,
    OutcomeUnknownError,
    SessionTypeInUseError,
    StoreUnavailableError,
)
from slta.runtime.jobs import AutomaticRepairs, SelfAudits
from slta.runtime.ticks import Ticks
from slta.runtime.type_bounds import TypeBounds
from slta.server.server import ListenError
from slta.store import Eviction, ServerRequirements, Store, StoreCallError, UnsuitableStoreError, cause_of
from slta.store.embedded.server import EmbeddedStore

ROUND_SECONDS = 1.0
JITTER = 0.25
MIN_PAUSE_SECONDS = 0.1
"""Pause after a round that took a second or longer."""
CANCEL_RETRY_SECONDS = 0.1
STARTUP_SECONDS = 2.0
"""How long serving waits for the store's preflight and the fleet file; after that both continue in the background."""
START_WITHOUT = "Meanwhile start with the file applied last, or without one: the fleet keeps what it has."
"""What helps if the fleet's present pools, sessions or curves forbid a change by the file."""
KEEP_THE_FLEET = (CapacityBelowOccupancyError, ClassInUseError, InvalidFleetError, SessionTypeInUseError)
"""Refusals that change nothing; others may leave the configuration changed."""

Reload = Callable[[], Awaitable[bool]]

log = structlog.get_logger(__name__)


@dataclass(eq=False)
class BackgroundTasks:
    """Background tasks of one process. Errors are logged and retried; only a rejected store or fleet file is fatal.

    `embedded` is the store that this process owns, `file` the fleet file to apply; each may be None. `requirements`
    apply to a shared store. `reload_certificate` reloads the TLS certificate if it has changed, and returns whether it
    had. `read_metrics` reads the metrics of all fleets, once, so that the first scrape finds their documents compiled.
    """

    store: Store
    specs: Specs
    access: Access
    embedded: EmbeddedStore | None
    file: LoadedFleet | None
    requirements: ServerRequirements
    metrics: ProcessMetrics
    reload_certificate: Reload = field(default=lambda: asyncio.sleep(0, result=False), kw_only=True)
    read_metrics: Callable[[], Awaitable[object]] = field(default=lambda: asyncio.sleep(0), kw_only=True)

    def __post_init__(self) -> None:
        self._repairs = AutomaticRepairs(self.store, self.specs, self.metrics.repair_blocked)
        self._audits = SelfAudits(self.store, self.specs, self._unlisted_audited)
        self._bounds = TypeBounds(self.store, self.specs)
        self._ticks = Ticks(self.store, self._repairs, self._audits, self._bounds, self.metrics.fleet_vanished)
        self.metrics.watch(HELD, lambda: self._ticks.held_seconds)
        self._eviction: Eviction | None = None
        self._logged_errors = set[tuple[str, str]]()

    @asynccontextmanager
    async def under_way(self, on_failure: Callable[[], None]) -> AsyncIterator[None]:
        """Run the tasks in the context.

        A fatal error of the store's preflight or the fleet file is raised on entry. If it occurs only later,
        `on_failure` is called, and the error is raised on exit.
        """
        tasks = [asyncio.create_task(task) for task in self._tasks()]
        startup = asyncio.create_task(self._start())
        try:
            await asyncio.wait([startup], timeout=STARTUP_SECONDS)
            if startup.done():
                startup.result()
            startup.add_done_callback(lambda task: on_failure() if not task.cancelled() and task.exception() else None)
            yield
            if startup.done():
                startup.result()
        finally:
            await cancel_all([*tasks, startup])
            await self._bounds.calculator.end()

    def _tasks(self) -> list[Coroutine[object, object, None]]:
        return [
            # A task of its own, so that readiness is never older than a second and one store call.
            _every_second(self._check, self.store.check_requested),
            _every_second(self.store.recover, self.store.recovery_requested),
            _every_second(self._round),
            _every_second(self._reload_files),
            _every_second(self._ticks.run),  # it ends only by a defect
            *(_every_second(jobs.round, jobs.requested) for jobs in (self._repairs, self._audits)),
            _every_second(self._bounds.round),
            self.store.listen(),
            self._read_metrics(),
            *([self.embedded.supervise()] if self.embedded else []),
        ]

    async def _start(self) -> None:
        """Startup: the store's check and preflight, the layout of its fleets, then the fleet file."""
        await self._check()
        if self.embedded is None:
            await _retry_until_available(self._preflight)
        await self._ticks.first_round.wait()
        if self.store.layout_mismatch:
            raise UnsuitableStoreError(self.store.layout_mismatch)
        if self.file:
            await _retry_until_available(self._apply_file, self.file)

    def _unlisted_audited(self, found: Sequence[Findings]) -> None:
        self.metrics.unlisted_audited(found)
        self._ticks.absences.found(one.fleet for one in found if one.fleet)

    async def _read_metrics(self) -> None:
        await self._ticks.first_round.wait()
        await self.read_metrics()

    async def _check(self) -> None:
        await self.store.check()
        self.metrics.shards(self.store.shards, self.store.unowned_slots, self.store.foreign_nodes)

    async def _preflight(self) -> None:
        if not await self.store.preflight(self.requirements):
            log.warning("store_not_examined", why="the store's user has no permission for INFO")

    async def _apply_file(self, file: LoadedFleet) -> None:
        try:
            applied = await apply_file(self.store, self.specs, file)
        except DispatchError as error:
            if error.status != HTTPStatus.CONFLICT and not isinstance(error, KEEP_THE_FLEET):
                raise
            unchanged = f" {START_WITHOUT}" if isinstance(error, KEEP_THE_FLEET) else ""
            said = f"{file.path}: fleet {file.name}: {error}{unchanged}"
            raise type(error)(said, **error.context) from None
        if applied is None:
            log.info("fleet_file_already_applied", fleet=file.name)
        else:
            version, created = applied.configured.config_version, len(applied.pools.created)
            log.info("fleet_file_applied", fleet=file.name, config_version=version, created_pools=created)

    async def _round(self) -> None:
        with suppress(DispatchError):
            await self._watch_eviction()
        error = await self._ticks.round(self._eviction.evicted_keys if self._eviction else 0)
        refused = self.store.readiness not in ("ready", "starting")
        failed = self.store.last_failure or getattr(self._ticks.last_error, "__cause__", None)
        self._log_once(self.store.readiness if refused else error, failed)

    async def _reload_files(self) -> None:
        files: dict[str, tuple[Reload, Callable[[], dict[str, list[str]]]]] = {
            "certificate": (self.reload_certificate, dict),
            "keys": (partial(reload_if_changed, self.access), lambda: self.access.last_change),
        }
        for what, (reload, changes) in files.items():
            try:
                if await reload():
                    log.info("file_reloaded", what=what, **changes())
            except (AccessError, ListenError) as error:
                log.error("file_not_reloaded", what=what, reason=str(error))  # noqa: TRY400 - the message is complete

    async def _watch_eviction(self) -> None:
        """Log when key eviction becomes possible or impossible: `maxmemory-policy` may change at runtime."""
        before, found = self._eviction, await self.store.eviction()
        evicted, evicts = bool(before and before.is_possible), bool(found and found.is_possible)
        if found and evicts and found.policy != (before and before.policy):
            log.error("store_evicts", policy=found.policy)
        elif evicted and not evicts:
            log.info("store_evicts_no_more")
        self._eviction = found
        self.metrics.eviction(found)

    def _log_once(self, error: str, failed: BaseException | None) -> None:
        """Log each error and each kind of failed call once, until the store is available again."""
        kind = failed.failure.kind if isinstance(failed, StoreCallError) else ""
        if error and (error, kind) not in self._logged_errors:
            log.warning("store_in_trouble", what=error, kind=kind, cause=cause_of(failed))
            self._logged_errors.add((error, kind))
        if self._logged_errors and not error:
            log.info("store_available_again")
            self._logged_errors.clear()


async def cancel_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until all tasks have ended: before Python 3.12 `asyncio.wait_for` may swallow a cancellation."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_RETRY_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _every_second(work: Callable[[], Awaitable[object]], sooner: asyncio.Event | None = None) -> None:
    """Run `work` once a second, measured from start to start, or at once when `sooner` is set."""
    sooner = sooner or asyncio.Event()
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + ROUND_SECONDS * random.uniform(1 - JITTER, 1 + JITTER)
        try:
            await work()
        except Exception:
            log.exception("round_failed")
        with suppress(TimeoutError):
            async with asyncio.timeout_at(max(due, clock() + MIN_PAUSE_SECONDS)):
                await sooner.wait()


async def _retry_until_available(work: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """Retry until the store is available, which the rounds log if it is not, and no repair is under way."""
    while True:
        try:
            return await work(*arguments)
        except (StoreUnavailableError, OutcomeUnknownError):
            await asyncio.sleep(ROUND_SECONDS)
