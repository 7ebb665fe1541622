"""What a dispatcher does besides answering: reap and integrate every second, take up files, keep its store alive."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import structlog

from service.access.keys import Access, AccessError
from service.errors import DispatchError, OutcomeUnknown, StoreUnavailable, UnknownFleet
from service.fleet_file import LoadedFleet, Specs
from service.fleet_file.applying import Applied, apply_file
from service.store import Store
from service.store.embedded import EmbeddedStore

ROUND_SECONDS = 1.0
JITTER = 0.25
APPLY_PATIENCE_SECONDS = 2.0
"""How long serving waits for a store to apply the fleet file to; then it begins, and the file follows."""

log = structlog.get_logger(__name__)


class Housekeeping:
    """The tasks of one process. Errors are logged and tried again; only a refused fleet file ends it."""

    def __init__(
        self, store: Store, specs: Specs, access: Access, embedded: EmbeddedStore | None, file: LoadedFleet | None
    ) -> None:
        """`embedded` is the store that this process owns, `file` the fleet file to apply; None where there is none."""
        self._store = store
        self._specs = specs
        self._access = access
        self._embedded = embedded
        self._file = file
        self._trouble = ""

    @asynccontextmanager
    async def under_way(self, give_up: Callable[[], None]) -> AsyncIterator[None]:
        """Run the tasks meanwhile.

        If the store refuses the fleet file, that error is raised on entry. If it turns out only later, `give_up` is
        called, and the error is raised on exit.
        """
        tasks = [asyncio.create_task(task) for task in self._tasks()]
        applying = asyncio.create_task(self._apply_file())
        try:
            await asyncio.wait([applying], timeout=APPLY_PATIENCE_SECONDS)
            if applying.done():
                applying.result()
            applying.add_done_callback(lambda task: give_up() if not task.cancelled() and task.exception() else None)
            yield
            if applying.done():
                applying.result()
        finally:
            for task in [*tasks, applying]:
                task.cancel()
            await asyncio.gather(*tasks, applying, return_exceptions=True)

    def _tasks(self) -> list[Coroutine[object, object, None]]:
        return [self._rounds(), *([self._embedded.supervise()] if self._embedded else [])]

    async def _apply_file(self) -> None:
        file = self._file
        while file:
            try:
                _log_applied(file.name, await apply_file(self._store, self._specs, file))
                file = None
            except (StoreUnavailable, OutcomeUnknown):  # the rounds say so
                await asyncio.sleep(ROUND_SECONDS)

    async def _rounds(self) -> None:
        while True:
            try:
                self._take_up_keys()
                self._say_once(await self._tick_fleets())
            except Exception:
                log.exception("round_failed")
            await asyncio.sleep(ROUND_SECONDS * random.uniform(1 - JITTER, 1 + JITTER))

    def _take_up_keys(self) -> None:
        try:
            if self._access.reload_if_changed():
                log.info("keys_reloaded")
        except AccessError as error:
            log.error("keys_not_reloaded", reason=str(error))  # noqa: TRY400 - it says all

    async def _tick_fleets(self) -> str:
        """End leases and keep the integrals of every fleet, though another fails; what was in the way, or nothing.

        Every process does so, and once a second is enough.
        """
        trouble = ""
        try:
            fleets = await self._store.fleets.names()
        except DispatchError as error:
            return error.code
        for fleet in fleets:
            try:
                await self._store.fleets.tick(fleet)
            except UnknownFleet:
                continue  # deleted just now
            except DispatchError as error:
                trouble = error.code
        return trouble

    def _say_once(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("store_in_trouble", what=trouble)
        if self._trouble and not trouble:
            log.info("store_available_again")
        self._trouble = trouble


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
