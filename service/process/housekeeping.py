"""What a dispatcher does besides answering: reap and integrate every second, take up files, keep its store alive."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog

from service.access.keys import Access, AccessError
from service.errors import DispatchError, OutcomeUnknown, StoreUnavailable, UnknownFleet
from service.fleet_file import FleetFile, compile_spec, load_yaml
from service.store import Store
from service.store.embedded import EmbeddedStore

ROUND_SECONDS = 1.0
JITTER = 0.25
APPLY_PATIENCE_SECONDS = 2.0
"""How long serving waits for a store to apply the fleet file to; then it begins, and the file follows."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class FleetFileToApply:
    """A fleet file that was read at the start."""

    fleet: str
    file: FleetFile
    digest: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises InvalidFleet."""
        loaded = load_yaml(path)
        return cls(loaded.name, loaded.file, loaded.digest)

    async def apply(self, store: Store) -> None:
        """Like PUT, but only when the file differs from the last one applied: changes since then stay."""
        if await store.fleets.applied_file(self.fleet) == self.digest:
            log.info("fleet_file_already_applied", fleet=self.fleet)
            return
        spec = await asyncio.to_thread(compile_spec, self.file)
        configured = await store.fleets.configure(self.fleet, spec, self.file.document())
        added = await store.pools.add(self.fleet, self.file.wanted_pools())
        await store.fleets.remember_file(self.fleet, self.digest)
        log.info(
            "fleet_file_applied",
            fleet=self.fleet,
            config_version=configured.config_version,
            created_pools=len(added.created),
        )


class Housekeeping:
    """The tasks of one process. Errors are logged and tried again; only a refused fleet file ends it."""

    def __init__(
        self, store: Store, access: Access, embedded: EmbeddedStore | None, file: FleetFileToApply | None
    ) -> None:
        self._store = store
        self._access = access
        self._embedded = embedded
        self._file = file
        self._trouble = ""

    @asynccontextmanager
    async def under_way(self, give_up: Callable[[], None]) -> AsyncIterator[None]:
        """Run the tasks meanwhile. A file that the store refuses is raised at the begin, or after `give_up`."""
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
                await file.apply(self._store)
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
