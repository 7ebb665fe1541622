"""The FastAPI application: routes and middleware."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI

from slta.api.endpoint_cache import EndpointCache
from slta.api.fast_path import FastPath
from slta.api.http import docs_page
from slta.api.http.api_route import Dependencies, RenderMetrics, refuse_without_route
from slta.api.http.authorization import Authorizer
from slta.api.http.guards import LOOPBACK_HOSTS, BeginRequest, GuardMiddleware, RequestGuard, TrustedProxies
from slta.api.http.responses import type_prefix
from slta.api.routes import fleets, observations, pools, probes, sessions
from slta.auth.keys import Access
from slta.auth.rate_limit import Rate
from slta.fleet_file import Specs
from slta.models.request_record import RequestRecord
from slta.scaling.advisor import Advisor
from slta.store import Store

ROUTERS = tuple(module.router for module in (sessions, pools, fleets, observations, probes))
"""Busiest first: routes are matched in order."""


def _application() -> FastAPI:
    """Application without routes, which describes itself at no path of FastAPI's."""
    return FastAPI(
        title="SLTA dispatcher",
        version="1",
        summary="Places sessions by utility, and shows how far from the proven optimum it is.",
        description="Errors are problem documents (RFC 9457) with a stable `code`; `x-slta-codes` says of each code "
        "whether the call may have been applied, and when the same call can succeed.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"metrics": False, "logs": False, "operation_spans": False},  # see slta.runtime.spans
    )


def build_api(  # noqa: PLR0913 - one argument for each dependency
    *,
    store: Store,
    access: Access,
    render_metrics: RenderMetrics,
    observe_request: Callable[[RequestRecord], None] = lambda _: None,
    begin_request: BeginRequest | None = None,
    specs: Specs | None = None,
    allowed_hosts: Iterable[str] = LOOPBACK_HOSTS,
    docs_enabled: bool = False,
    docs_url: object = None,
    rate: Rate | None = None,
    is_ending: Callable[[], bool] = lambda: False,
    proxies: TrustedProxies | None = None,
    extra_routers: Iterable[APIRouter] = (),
) -> FastAPI:
    """Build the application of one process.

    `access` is `Access.open()` or `Access.load(path)`; call `key_reader.reload_if_changed` periodically.
    `render_metrics` returns the exposition and its headers for a scrape.
    `observe_request` is called after every request, for the log, metrics and traces, `begin_request` before it, for
    traces: see `begin` of `RequestGuard`.
    `specs` caches compiled fleets; share it with the metrics.
    `allowed_hosts` are names without port, `*.example.org` or `*`; any other Host gets 400.
    `docs_url` is the site of the documentation, to which `type` of problems links; None for no link.
    `docs_enabled` serves /docs and /openapi.json without a key.
    `rate` limits each key; None for no limit.
    `is_ending` returns whether the process is shutting down; `/readyz` then reports `ending`.
    `proxies` are trusted to set X-Forwarded-For; None for no proxy.
    `extra_routers` are mounted under their own prefix: `APIRouter(route_class=ApiRoute)` applies the same
    authorization to their endpoints, each with `@allow(…)` or `@public()`. They may set their own
    Content-Security-Policy.
    """
    app = _application()
    guard = RequestGuard(
        tuple(allowed_hosts),
        observe_request,
        proxies,
        is_open=access.is_open,
        problem_types=type_prefix(docs_url),
        begin=begin_request,
    )
    authorizer = Authorizer(access, rate, store)
    specs = specs or Specs()
    readers = EndpointCache(store, specs), Advisor(store, specs)
    app.state.dependencies = dependencies = Dependencies(store, specs, *readers, authorizer, render_metrics, is_ending)
    app.state.fast_path = FastPath(guard, dependencies)
    refuse_without_route(app)
    for router in (*ROUTERS, *([docs_page.router] if docs_enabled else []), *extra_routers):
        # Flat: matching nested routers costs every request 20 µs.
        app.router.routes.extend(router.routes)
    middleware: Any = GuardMiddleware
    app.add_middleware(middleware, guard=guard)
    return app


def fast_path_of(app: FastAPI) -> FastPath:
    """Fast path of an application, for a server that bypasses ASGI for hot calls."""
    fast_path: FastPath = app.state.fast_path
    return fast_path
