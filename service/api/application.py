"""The FastAPI application: routes, and what stands in front of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI

from service.access.keys import Access
from service.access.rate_limit import Rate
from service.api import fleets, observations, operations, pools, probes, reference, sessions
from service.api.dependencies import Parts, RenderMetrics
from service.api.direct import Direct
from service.api.door import LOOPBACK_HOSTS, Door
from service.api.edge import Edge
from service.api.forwarding import TrustedProxies
from service.api.gate import Gate
from service.api.routing import refuse_without_route
from service.fleet_file import Specs
from service.prediction.predictions import Predictions
from service.requests import RequestRecord
from service.store import Store

ROUTERS = (sessions.router, operations.router, pools.router, fleets.router, observations.router, probes.router)
"""The busiest first: routes are tried in order."""


def build_api(  # noqa: PLR0913 - one argument for each thing that is wired
    *,
    store: Store,
    access: Access,
    render_metrics: RenderMetrics,
    observe_request: Callable[[RequestRecord], None] = lambda _: None,
    specs: Specs | None = None,
    predictions: Predictions | None = None,
    allowed_hosts: Iterable[str] = LOOPBACK_HOSTS,
    docs_enabled: bool = False,
    rate: Rate | None = None,
    is_ending: Callable[[], bool] = lambda: False,
    proxies: TrustedProxies | None = None,
    extra_routers: Iterable[APIRouter] = (),
) -> FastAPI:
    """The application of one process.

    `access` is `Access.open()` or `Access.load(path)`; call `access.reload_if_changed()` now and then.
    `render_metrics` turns an Accept header into the exposition and its content type.
    `observe_request` hears of every answered request: for the log and for metrics.
    `specs` remembers compiled fleets, `predictions` what is to be expected of them; share both with the metrics.
    `allowed_hosts` are names without port, `*.example.org` or `*`; a Host that is not among them gets 400.
    `docs_enabled` serves /docs and /openapi.json to everybody.
    `rate` limits each key; None does not.
    `is_ending` says whether the process was asked to end; `/readyz` tells.
    `proxies` say for whom they ask; None, where nobody is believed.
    `extra_routers` are mounted under their own prefix: `APIRouter(route_class=ApiRoute)` puts their endpoints,
    each with `@allow(…)` or `@public()`, behind the same gate. They may set their own Content-Security-Policy.
    """
    app = FastAPI(
        title="SLTA dispatcher",
        version="1",
        summary="Places sessions by utility, and shows how far from the proven optimum it is.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"metrics": False, "logs": False, "operation_spans": False},  # spans of requests, where set up
    )
    door = Door(tuple(allowed_hosts), observe_request, proxies)
    app.state.parts = parts = Parts(
        store, specs or Specs(), predictions or Predictions(), Gate(access, rate, store), render_metrics, is_ending
    )
    app.state.direct = Direct(door, parts)
    refuse_without_route(app)
    mounted: list[APIRouter] = [*ROUTERS, *([reference.router] if docs_enabled else []), *extra_routers]
    for router in mounted:
        # Flat, for the matching of nested routers costs every request 20 µs.
        app.router.routes.extend(router.routes)
    edge: Any = Edge
    app.add_middleware(edge, door=door)
    return app


def direct_of(app: FastAPI) -> Direct:
    """What answers the application's hot calls, for a server that can do without ASGI."""
    direct: Direct = app.state.direct
    return direct
