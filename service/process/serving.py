"""From the start to the signal that ends a process: its embedded store, its event loop and its dispatcher."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from typing import NoReturn

import structlog
import uvloop

from service.core.policies import POLICIES, Policy
from service.process.dispatcher import Dispatcher
from service.process.limits import raise_descriptor_limit
from service.process.listening import ENDING_SIGNALS
from service.process.settings import Settings
from service.store.embedded import EmbeddedStore
from service.store.library import Library

log = structlog.get_logger(__name__)


class _Ended(BaseException):
    """A signal asked the process to end."""


def _end(_number: int, _frame: object) -> NoReturn:
    raise _Ended


def _own_store(settings: Settings) -> EmbeddedStore:
    return EmbeddedStore(settings.data_dir, settings.store_binary, synced=settings.promise.on_disk)


def serve(
    settings: Settings,
    policies: Mapping[str, Policy] = POLICIES,
    library: Library | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, with a store of our own unless the settings name one. Main thread only.

    `policies` and `library` are those of `Dispatcher`. The store starts first and ends last: by then every answer has
    been given.
    """
    raise_descriptor_limit()
    embedded = None if settings.store_url else _own_store(settings)
    try:
        for number in ENDING_SIGNALS:
            signal.signal(number, _end)
        dispatcher = Dispatcher(settings, embedded, policies, library)
        if embedded:
            embedded.start()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(dispatcher.run())
    except _Ended:
        pass
    finally:
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if embedded:
            embedded.stop()
    log.info("stopped")
