"""What the application is made of, and how an endpoint asks for a part of it: `store: TheStore`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.requests import Request

from service.access.keys import Caller
from service.api.context import RequestContext, context_of
from service.api.gate import Gate
from service.fleet_file import Specs
from service.prediction.predictions import Predictions
from service.requests import Author
from service.store import Store

Exposition = tuple[AsyncGenerator[bytes], Mapping[str, str]]
"""The pieces of an exposition of metrics, and its headers."""
RenderMetrics = Callable[[str], Awaitable[Exposition]]
"""From an Accept header to the exposition."""


@dataclass(frozen=True)
class Parts:
    """The parts of one application."""

    store: Store
    specs: Specs
    predictions: Predictions
    gate: Gate
    render_metrics: RenderMetrics
    is_ending: Callable[[], bool]


def parts_of(app: FastAPI) -> Parts:
    """The parts that `build_api` gave the application."""
    parts: Parts = app.state.parts
    return parts


async def _parts(request: Request) -> Parts:
    return parts_of(request.app)


async def _store(request: Request) -> Store:
    return parts_of(request.app).store


async def _specs(request: Request) -> Specs:
    return parts_of(request.app).specs


async def _predictions(request: Request) -> Predictions:
    return parts_of(request.app).predictions


async def _render_metrics(request: Request) -> RenderMetrics:
    return parts_of(request.app).render_metrics


async def _context(request: Request) -> RequestContext:
    return context_of(request.scope)


async def _caller(request: Request) -> Caller:
    return context_of(request.scope).caller


async def _author(request: Request) -> Author:
    """Who asks for a change; what the store makes of it is told when the request leaves."""
    context = context_of(request.scope)
    context.author = Author(context.request_id, context.caller.key_id, context.address)
    return context.author


TheParts = Annotated[Parts, Depends(_parts)]
TheStore = Annotated[Store, Depends(_store)]
TheSpecs = Annotated[Specs, Depends(_specs)]
ThePredictions = Annotated[Predictions, Depends(_predictions)]
TheMetrics = Annotated[RenderMetrics, Depends(_render_metrics)]
TheContext = Annotated[RequestContext, Depends(_context)]
TheCaller = Annotated[Caller, Depends(_caller)]
TheAuthor = Annotated[Author, Depends(_author)]
