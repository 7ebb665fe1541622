"""The composition root: `serve` builds a dispatcher from its settings, with all dependencies, and runs it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import structlog
import uvicorn
import uvloop
from anyio import get_cancelled_exc_class
from fastapi import FastAPI

from slta import release
from slta.api.app import build_api, fast_path_of
from slta.api.http.guards import LOOPBACK_HOSTS, TrustedProxies
from slta.auth.keys import Access
from slta.core.policies import POLICIES, Policy
from slta.dashboard import About, FleetStreams, dashboard_router, links
from slta.fleet_file import Specs, load_yaml
from slta.metrics import Metrics
from slta.metrics.process_metrics import CERTIFICATE_ENDS, CONNECTIONS
from slta.models.request_record import RequestRecord, Scrape
from slta.runtime.background import BackgroundTasks
from slta.runtime.request_log import RequestLog, log_startup_warnings
from slta.runtime.settings import Settings
from slta.server.connection_limits import (
    MAX_CONNECTIONS,
    MAX_HANDSHAKES,
    ConnectionLimits,
    possible_connections,
    raise_descriptor_limit,
)
from slta.server.protocol import HttpProtocol
from slta.server.server import SHUTDOWN_SIGNALS, Certificate, ListenError, Server, bind
from slta.store import Store, StoreSettings
from slta.store.embedded.server import EmbeddedStore
from slta.store.library import Library

if TYPE_CHECKING:
    from slta.runtime.spans import Spans

GC_THRESHOLD = 10_000
"""Net allocations before a collection of the youngest generation; Python's default is 700."""
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's standard variables; tracing is on if one is set."""

log = structlog.get_logger(__name__)


def freeze_startup_objects() -> None:
    """Exclude the 100,000 startup objects from garbage collection, where they would cost 20 ms each time.

    The 1,000 among them that are garbage stay: to collect them would take 80 ms. Collection is on from now.
    """
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    gc.enable()


def uvicorn_config(app: FastAPI, settings: Settings, limits: ConnectionLimits) -> uvicorn.Config:
    """uvicorn's configuration, with its logging, server headers and lifespan turned off."""
    protocol: Any = partial(HttpProtocol, limits=limits, fast_path=fast_path_of(app))
    return uvicorn.Config(
        app,
        lifespan="off",
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_timeout_seconds,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )


def connection_limits(settings: Settings, refused: Callable[[str], None] = lambda _: None) -> ConnectionLimits:
    """Connection limits of the settings. Raises ListenError if they exceed the limit of open files."""
    handshakes = min(MAX_HANDSHAKES, possible_connections() // 4) if settings.tls_key else 0
    possible = possible_connections(handshakes)
    most = settings.max_connections or min(MAX_CONNECTIONS, possible)
    if most > possible:
        raise ListenError(f"max_connections={most}: the limit of open files allows at most {possible}")
    return ConnectionLimits(
        max_connections=most,
        most_handshakes=handshakes,
        idle_timeout_seconds=settings.idle_timeout_seconds,
        header_timeout_seconds=settings.header_timeout_seconds,
        refused=refused,
        is_trusted=TrustedProxies(settings.trusted_proxies).trusts,
    )


class Dispatcher:
    """A dispatcher: the store, the API and the background tasks. One per process."""

    def __init__(
        self,
        settings: Settings,
        embedded: EmbeddedStore | None,
        policies: Mapping[str, Policy] = POLICIES,
        library: Library | None = None,
    ) -> None:
        """Read the files named in the settings. Raises AccessError, InvalidFleetError or ListenError.

        `embedded` is the store that this process owns, None for a shared store. `policies` and `library` (None: the
        default) must have the same policies.
        """
        self._settings = settings
        certificate, key = settings.tls_certificate, settings.tls_key
        self._certificate = Certificate(certificate, key) if certificate and key else None
        self._embedded = embedded
        self._access = Access.load(settings.keys_file) if settings.keys_file else Access.open()
        self._file = load_yaml(settings.config, policies) if settings.config else None
        self._library = library
        self._specs = Specs(policies)
        self._metrics = Metrics()
        self._log_request = RequestLog()
        self._spans = open_spans(os.environ)

    async def run(self) -> None:
        """Serve until a signal; then finish requests and close the store's connections."""
        url = self._embedded.url if self._embedded else self._settings.shared_store_url
        settings, spans = self._settings, self._spans
        where = StoreSettings(
            url, durability=settings.promise, requires_fsync=settings.asks_sync, traces=spans is not None
        )
        observer = spans.observing(self._metrics) if spans else self._metrics
        store = await Store.open(where, observer, self._library)
        try:
            streams = FleetStreams(store, self._specs)
            limits = connection_limits(self._settings, self._metrics.connection_refused)
            api = self._api(store, streams, limits)
            config = uvicorn_config(api, self._settings, limits)
            server = Server(config, limits, streams.close, self._settings.lame_duck_seconds)
            self._metrics.watch(CONNECTIONS, lambda: len(server.server_state.connections) + len(limits.handshakes))
            if certificate := self._certificate:
                self._metrics.watch(CERTIFICATE_ENDS, lambda: certificate.ends)
            server.install_signal_handlers()
            listener = bind(self._settings.host, self._settings.port, has_tls=self._certificate is not None)
            log_startup_warnings(self._access, os.environ)
            background = self._background_tasks(store, config)
            get_cancelled_exc_class()  # imports anyio's backend, as the first stream would for 12 ms of the event loop
            freeze_startup_objects()
            async with background.under_way(on_failure=server.stop):
                await server.serve(sockets=[listener])
        finally:
            await self._metrics.end()
            await store.close()
            if spans:
                spans.close()

    def _api(self, store: Store, streams: FleetStreams, limits: ConnectionLimits) -> FastAPI:
        return build_api(
            store=store,
            access=self._access,
            render_metrics=lambda scrape: self._metrics.render(store, self._specs, scrape),
            observe_request=self._observe,
            begin_request=self._spans.begin_request if self._spans else None,
            specs=self._specs,
            allowed_hosts=(*LOOPBACK_HOSTS, *self._settings.hosts),
            docs_enabled=self._settings.docs_enabled,
            docs_url=self._settings.docs_url,
            rate=self._settings.rate,
            is_ending=lambda: limits.ending,
            proxies=TrustedProxies(self._settings.trusted_proxies) if self._settings.trusted_proxies else None,
            extra_routers=[dashboard_router(streams, self._about())],
        )

    def _about(self) -> About:
        settings = self._settings
        return About(
            version=release(),
            store="embedded" if self._embedded else settings.shared_store_kind,
            links=links(docs_enabled=settings.docs_enabled, runbook=settings.runbook_url, grafana=settings.grafana_url),
        )

    def _background_tasks(self, store: Store, config: uvicorn.Config) -> BackgroundTasks:
        return BackgroundTasks(
            store,
            self._specs,
            self._access,
            self._embedded,
            self._file,
            self._settings.requirements,
            self._metrics,
            reload_certificate=lambda: self._reload_certificate(config),
            read_metrics=lambda: self._metrics.render(store, self._specs, Scrape(of="fleets")),
        )

    async def _reload_certificate(self, config: uvicorn.Config) -> bool:
        if self._certificate is None or not config.loaded or config.ssl is None:
            return False
        return self._certificate.reload_if_changed(config.ssl)

    def _observe(self, record: RequestRecord) -> None:
        self._metrics.observe(record)
        if self._spans:
            self._spans.end_request(record)
        self._log_request(record)


def open_spans(environment: Mapping[str, str]) -> Spans | None:
    """Spans for the environment; None without an endpoint. Missing libraries are a warning and turn tracing off."""
    if not any(environment.get(name) for name in ENDPOINTS):
        return None
    try:
        from slta.runtime.spans import Spans  # noqa: PLC0415
    except ImportError:
        log.warning(
            "no_tracing", why="an OTLP endpoint is set, but OpenTelemetry is not installed: pip install 'slta[otel]'"
        )
        return None
    return Spans.over_http()


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
