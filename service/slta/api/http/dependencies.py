"""Dependencies of the application, and their FastAPI annotations, such as `store: TheStore`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from starlette.requests import Request

from slta.api.endpoint_cache import EndpointCache
from slta.api.http.authorization import Authorizer
from slta.api.http.context import RequestContext, context_of
from slta.auth.keys import Principal
from slta.fleet_file import Specs
from slta.models.request_record import Author
from slta.models.scrape import Scrape
from slta.scaling.advisor import Advisor
from slta.store import Store

Exposition = tuple[AsyncGenerator[bytes], Mapping[str, str]]
"""Metrics exposition as chunks, and its headers."""
RenderMetrics = Callable[[Scrape], Awaitable[Exposition]]
"""Render the exposition that a scrape asks for."""


@dataclass(frozen=True)
class Dependencies:
    """Dependencies of one application."""

    store: Store
    specs: Specs
    endpoints: EndpointCache
    advisor: Advisor
    authorizer: Authorizer
    render_metrics: RenderMetrics
    is_ending: Callable[[], bool]


def dependencies_of(app: FastAPI) -> Dependencies:
    """Dependencies that `build_api` has set."""
    dependencies: Dependencies = app.state.dependencies
    return dependencies


def _of_application(name: str) -> Any:  # noqa: ANN401 - FastAPI's own type is not exported
    async def dependency(request: Request) -> object:
        return getattr(dependencies_of(request.app), name)

    return Depends(dependency)


async def _dependencies(request: Request) -> Dependencies:
    return dependencies_of(request.app)


async def _context(request: Request) -> RequestContext:
    return context_of(request.scope)


async def _principal(request: Request) -> Principal:
    return context_of(request.scope).principal


async def _author(request: Request) -> Author:
    """Author of a change; the resulting events are logged when the request ends."""
    context = context_of(request.scope)
    context.author = Author(context.request_id, context.principal.key_id, context.address)
    return context.author


TheDependencies = Annotated[Dependencies, Depends(_dependencies)]
TheStore = Annotated[Store, _of_application("store")]
TheSpecs = Annotated[Specs, _of_application("specs")]
TheEndpoints = Annotated[EndpointCache, _of_application("endpoints")]
TheAdvisor = Annotated[Advisor, _of_application("advisor")]
TheMetrics = Annotated[RenderMetrics, _of_application("render_metrics")]
TheContext = Annotated[RequestContext, Depends(_context)]
ThePrincipal = Annotated[Principal, Depends(_principal)]
TheAuthor = Annotated[Author, Depends(_author)]
