"""The composition root: settings in, a dispatcher out. Nothing is wired anywhere else."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping

import uvicorn
from fastapi import FastAPI

from service.access.keys import Access
from service.api.application import build_api
from service.api.door import LOOPBACK_HOSTS
from service.api.forwarding import TrustedProxies
from service.console import Feeds, console_router
from service.core.policies import POLICIES, Policy
from service.fleet_file import Specs, load_yaml
from service.metrics import Metrics
from service.prediction.predictions import Predictions
from service.process.announcing import RequestLog, announce_openings
from service.process.certificates import Certificate
from service.process.checking import self_checks
from service.process.housekeeping import Housekeeping
from service.process.limits import Limits
from service.process.listening import Server, bind, configuration, limits_of
from service.process.settings import Settings
from service.process.tracing import TracingObserver, open_spans, trace_request
from service.requests import RequestRecord
from service.store import Store, StoreSettings
from service.store.embedded import EmbeddedStore
from service.store.library import Library

COLLECTED_AFTER = 10_000
"""Objects that are made and not freed before the youngest generation is looked through; Python's own is 700."""


def settle() -> None:
    """What was made at the start stays, so no collection looks at it again: 90,000 objects take 20 ms each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER)


class Dispatcher:
    """A store, the API in front of it, and what has to be done every second. One per process."""

    def __init__(
        self,
        settings: Settings,
        embedded: EmbeddedStore | None,
        policies: Mapping[str, Policy] = POLICIES,
        library: Library | None = None,
    ) -> None:
        """Read the files that the settings name: AccessError, InvalidFleet or ListenError where they do not fit.

        `embedded` is the store that this process owns, None where the settings have the URL of another.
        `policies` and the `library` (None for ours) know the same policies.
        """
        self._settings = settings
        certificate, key = settings.tls_certificate, settings.tls_key
        self._certificate = Certificate(certificate, key) if certificate and key else None
        self._embedded = embedded
        self._access = Access.load(settings.keys_file) if settings.keys_file else Access.open()
        self._file = load_yaml(settings.config, policies) if settings.config else None
        self._library = library
        self._specs = Specs(policies)
        self._predictions = Predictions()
        self._metrics = Metrics()
        self._log_request = RequestLog()
        self._spans = open_spans(os.environ)

    async def run(self) -> None:
        """Answer until a signal; then requests finish, and the store's connections close."""
        url = self._embedded.url if self._embedded else self._settings.shared_store_url
        where = StoreSettings(url, durability=self._settings.promise, asks_sync=self._settings.asks_sync)
        store = await Store.open(where, TracingObserver(self._metrics, self._spans), self._library)
        try:
            feeds = Feeds(store, self._specs, self._predictions)
            limits = limits_of(self._settings, self._metrics.connection_refused)
            api = self._api(store, feeds, limits)
            config = configuration(api, self._settings, limits)
            server = Server(config, limits, feeds.close, self._settings.lame_duck_seconds)
            self._metrics.watch_surplus_replicas(lambda: store.surplus_replicas)
            self._metrics.watch_connections(lambda: len(server.server_state.connections) + len(limits.handshakes))
            server.end_at_signals()
            listener = bind(self._settings.host, self._settings.port, has_tls=self._certificate is not None)
            announce_openings(self._access, os.environ)
            housekeeping = self._housekeeping(store, config)
            settle()
            checks = self_checks(store, self._specs, [self._metrics.audited, feeds.audited])
            async with housekeeping.under_way(give_up=server.stop), checks, self._predictions.under_way():
                await server.serve(sockets=[listener])
        finally:
            await self._metrics.end()
            await store.close()
            self._spans.close()

    def _api(self, store: Store, feeds: Feeds, limits: Limits) -> FastAPI:
        return build_api(
            store=store,
            access=self._access,
            render_metrics=lambda accept: self._metrics.render(store, self._specs, accept, self._predictions),
            observe_request=self._observe,
            specs=self._specs,
            predictions=self._predictions,
            allowed_hosts=(*LOOPBACK_HOSTS, *self._settings.hosts),
            docs_enabled=self._settings.shows_docs,
            rate=self._settings.rate,
            is_ending=lambda: limits.ending,
            proxies=TrustedProxies(self._settings.trusted_proxies) if self._settings.trusted_proxies else None,
            extra_routers=[console_router(feeds)],
        )

    def _housekeeping(self, store: Store, config: uvicorn.Config) -> Housekeeping:
        return Housekeeping(
            store,
            self._specs,
            self._access,
            self._embedded,
            self._file,
            self._settings.demands,
            self._metrics,
            take_up_certificate=lambda: self._take_up_certificate(config),
        )

    def _take_up_certificate(self, config: uvicorn.Config) -> bool:
        if self._certificate is None or not config.loaded or config.ssl is None:
            return False
        return self._certificate.reload_if_changed(config.ssl)

    def _observe(self, record: RequestRecord) -> None:
        self._metrics.observe(record)
        trace_request(self._spans, record)
        self._log_request(record)
