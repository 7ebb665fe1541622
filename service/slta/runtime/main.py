"""Main function of `slta serve`: embedded store, event loop, signals and dispatcher."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from typing import NoReturn

import structlog
import uvloop

from slta.core.policies import POLICIES, Policy
from slta.runtime.bootstrap import Dispatcher
from slta.runtime.settings import Settings
from slta.server.connection_limits import raise_descriptor_limit
from slta.server.server import SHUTDOWN_SIGNALS
from slta.store.embedded.server import EmbeddedStore
from slta.store.library import Library

log = structlog.get_logger(__name__)


class _Terminated(BaseException):
    """SIGINT or SIGTERM before the event loop has its own handlers."""


def _terminate(_number: int, _frame: object) -> NoReturn:
    raise _Terminated


def serve(settings: Settings, policies: Mapping[str, Policy] = POLICIES, library: Library | None = None) -> None:
    """Serve until SIGINT or SIGTERM, with an embedded store unless a store URL is set. Main thread only.

    `policies` and `library` as in `Dispatcher`. The embedded store starts first and stops last, after all responses.
    """
    raise_descriptor_limit()
    embedded = None
    if not settings.store_url:
        embedded = EmbeddedStore(settings.data_dir, settings.store_binary, synced=settings.promise.on_disk)
    try:
        for number in SHUTDOWN_SIGNALS:
            signal.signal(number, _terminate)
        dispatcher = Dispatcher(settings, embedded, policies, library)
        if embedded:
            embedded.start()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(dispatcher.run())
    except _Terminated:
        pass
    finally:
        for number in SHUTDOWN_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if embedded:
            embedded.stop()
    log.info("stopped")
