"""Dependencies of the application, and their FastAPI annotations, such as `store: TheStore`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.requests import Request

from slta.api.http.authorization import Authorizer
from slta.api.http.context import RequestContext, context_of
from slta.auth.keys import Principal
from slta.expected_gap.cache import ExpectedGapCache
from slta.fleet_file import Specs
from slta.models.request_record import Author
from slta.store import Store

Exposition = tuple[AsyncGenerator[bytes], Mapping[str, str]]
"""Metrics exposition as chunks, and its headers."""
RenderMetrics = Callable[[str], Awaitable[Exposition]]
"""Render the exposition for an Accept header."""


@dataclass(frozen=True)
class Dependencies:
    """Dependencies of one application."""

    store: Store
    specs: Specs
    expected_gaps: ExpectedGapCache
    authorizer: Authorizer
    render_metrics: RenderMetrics
    is_ending: Callable[[], bool]


def dependencies_of(app: FastAPI) -> Dependencies:
    """Dependencies that `build_api` has set."""
    dependencies: Dependencies = app.state.dependencies
    return dependencies


async def _dependencies(request: Request) -> Dependencies:
    return dependencies_of(request.app)


async def _store(request: Request) -> Store:
    return dependencies_of(request.app).store


async def _specs(request: Request) -> Specs:
    return dependencies_of(request.app).specs


async def _expected_gaps(request: Request) -> ExpectedGapCache:
    return dependencies_of(request.app).expected_gaps


async def _render_metrics(request: Request) -> RenderMetrics:
    return dependencies_of(request.app).render_metrics


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
TheStore = Annotated[Store, Depends(_store)]
TheSpecs = Annotated[Specs, Depends(_specs)]
TheExpectedGaps = Annotated[ExpectedGapCache, Depends(_expected_gaps)]
TheMetrics = Annotated[RenderMetrics, Depends(_render_metrics)]
TheContext = Annotated[RequestContext, Depends(_context)]
ThePrincipal = Annotated[Principal, Depends(_principal)]
TheAuthor = Annotated[Author, Depends(_author)]
