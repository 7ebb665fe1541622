"""The composition root: settings in, a running dispatcher out. Nothing is wired anywhere else."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import NoReturn

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from service.access.keys import Access
from service.access.rate_limit import Rate
from service.api.application import build_api
from service.api.edge import LOOPBACK_HOSTS
from service.console import Feeds, console_router
from service.fleet_file import Specs
from service.metrics import Metrics
from service.process.housekeeping import FleetFileToApply, Housekeeping
from service.process.listening import Server, bind, check_certificates
from service.process.settings import Settings, unknown_variables
from service.process.tracing import NoSpans, Spans, TracedStore, TracingUnavailable, open_spans, trace_request
from service.requests import RequestRecord
from service.store import Store, StoreSettings
from service.store.embedded import EmbeddedStore

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)
HOT_ROUTES = ("/assign", "/complete", "/renew")

log = structlog.get_logger(__name__)


class _Ended(BaseException):
    """A signal asked the process to end."""


def _end(_number: int, _frame: object) -> NoReturn:
    raise _Ended


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, with a store of our own unless the settings name one. Main thread only.

    The store starts first and ends last: by then every answer has been given.
    """
    embedded = None if settings.store_url else EmbeddedStore(settings.data_dir, settings.store_binary)
    try:
        for number in ENDING_SIGNALS:
            signal.signal(number, _end)
        process = Process(settings, embedded)
        if embedded:
            embedded.start()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(process.run())
    except _Ended:
        pass
    finally:
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if embedded:
            embedded.stop()
    log.info("stopped")


class Process:
    """One dispatcher: a store, the API in front of it, and what has to be done every second."""

    def __init__(self, settings: Settings, embedded: EmbeddedStore | None) -> None:
        """Read the files that the settings name: AccessError, InvalidFleet or ListenError where they do not fit."""
        check_certificates(settings.tls_certificate, settings.tls_key)
        self._settings = settings
        self._embedded = embedded
        self._access = Access.load(settings.keys_file) if settings.keys_file else Access.open()
        self._file = FleetFileToApply.read(settings.config) if settings.config else None
        self._specs = Specs()
        self._metrics = Metrics()
        self._spans = _spans()

    async def run(self) -> None:
        """Until a signal; then requests finish, and the store's connections close."""
        store = await Store.open(StoreSettings(url=self._store_url()), TracedStore(self._metrics, self._spans))
        try:
            feeds = Feeds(store, self._specs)
            server = Server(self._configuration(store, feeds), at_end=feeds.close)
            server.end_at(ENDING_SIGNALS)
            listener = bind(self._settings.host, self._settings.port)
            self._say_who_may_come()
            housekeeping = Housekeeping(store, self._access, self._embedded, self._file)
            async with housekeeping.under_way(give_up=server.end):
                await server.serve(sockets=[listener])
        finally:
            await store.close()
            self._spans.close()

    def _store_url(self) -> str:
        if self._embedded:
            return self._embedded.url
        url = self._settings.store_url
        return url.get_secret_value() if url else ""

    def _configuration(self, store: Store, feeds: Feeds) -> uvicorn.Config:
        settings = self._settings
        return uvicorn.Config(
            self._api(store, feeds),
            lifespan="off",
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=settings.shutdown_seconds,
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
        )

    def _api(self, store: Store, feeds: Feeds) -> FastAPI:
        settings = self._settings
        own = f"[{settings.host}]" if ":" in settings.host else settings.host
        hosts = settings.allowed_hosts or ((own,) if settings.loopback else ("*",))
        rate = settings.rate_limit_per_second
        return build_api(
            store=store,
            access=self._access,
            render_metrics=lambda accept: self._metrics.render(store, self._specs, accept),
            observe_request=self._observe,
            specs=self._specs,
            allowed_hosts=(*LOOPBACK_HOSTS, *hosts),
            docs_enabled=settings.shows_docs,
            rate=Rate(rate, settings.rate_limit_burst) if rate else None,
            extra_routers=[console_router(feeds)],
        )

    def _observe(self, record: RequestRecord) -> None:
        """Count a request, and log it: changes of fleets and pools at info, all others at debug."""
        self._metrics.observe(record)
        trace_request(self._spans, record)
        changed = record.method != "GET" and record.status < 300 and not (record.route or "").endswith(HOT_ROUTES)
        say = log.info if changed else log.debug
        say(
            "request",
            request_id=record.request_id,
            method=record.method,
            route=record.route,
            status=record.status,
            ms=round(1000 * record.seconds, 2),
            fleet=record.fleet,
            key_id=record.key_id,
        )

    def _say_who_may_come(self) -> None:
        if self._access.is_open:
            log.warning("no_access_control", why="nobody needs a key: every program on this machine may do everything")
        for name in unknown_variables(os.environ):
            log.warning("unknown_setting", variable=name)


def _spans() -> Spans:
    """A service without its traces is better than none."""
    try:
        return open_spans(os.environ)
    except TracingUnavailable as error:
        log.warning("no_tracing", why=str(error))
        return NoSpans()
