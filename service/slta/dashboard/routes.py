"""Routes of the dashboard: public static files, and event streams for keys that may read the fleet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Send

from slta.api.http.api_route import ApiRoute, ThePrincipal, TheStore
from slta.api.http.responses import HttpError, is_known
from slta.api.http.route_options import allow, public
from slta.api.schemas import FleetName, json_response
from slta.dashboard.about import About
from slta.dashboard.page import HEADERS, PAGE, PageFile, read_page, version_of
from slta.dashboard.streams import FleetStreams

SEND_SECONDS = 20.0
"""Send timeout, after which a viewer that does not read is disconnected."""
BUSY_RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerRights:
    """Fleets that the key may read, and facts of the service."""

    fleets: list[str]
    about: About


class EventStream(StreamingResponse):
    """Server-sent events with a send timeout."""

    def __init__(self, events: AsyncGenerator[str]) -> None:
        self._events = events
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, headers=headers, media_type="text/event-stream")

    async def stream_response(self, send: Send) -> None:
        """Send the events; end the stream if one send takes over `SEND_SECONDS`."""

        async def send_soon(message: Message) -> None:
            async with asyncio.timeout(SEND_SECONDS):
                await send(message)

        try:
            await super().stream_response(send_soon)
        except TimeoutError:
            return
        finally:
            await self._events.aclose()


def dashboard_router(streams: FleetStreams, about: About) -> APIRouter:
    """Router of the dashboard, for `build_api(extra_routers=…)`."""
    router = APIRouter(route_class=ApiRoute, include_in_schema=False)
    files = read_page()
    version, overview = version_of(files), streams.overview

    @router.get("/")
    @public(offers=("text/html",), free_query=True)
    async def get_page(request: Request) -> Response:
        """Get the page."""
        return _file_response(files[PAGE], request)

    @router.get("/console/static/{name}")
    @public(offers=("text/html", "text/css", "text/javascript", "image/svg+xml"))
    async def get_page_file(name: str, request: Request) -> Response:
        """Get a static file of the page."""
        if name not in files:
            raise HttpError(404, "not_found", "There is nothing at this path.")
        return _file_response(files[name], request)

    @router.get("/console/fleets")
    @allow({"read", "pool"})
    async def get_viewer_rights(caller: ThePrincipal, store: TheStore) -> Response:
        """Get the fleets that the key may read."""
        fleets = [name for name in await store.fleets.names() if caller.sees(name)]
        return json_response(ViewerRights(fleets=fleets, about=about))

    @router.get("/console/overview")
    @allow({"read", "pool"})
    async def get_overview(caller: ThePrincipal) -> Response:
        """Get a row for each fleet that the key sees."""
        return json_response(await overview.rows(caller.sees))

    @router.get("/console/{fleet}/events")
    @allow({"read", "pool"}, offers=("text/event-stream",))
    async def get_events(fleet: FleetName, store: TheStore) -> Response:
        """Stream a frame each second until the viewer disconnects or the service shuts down."""
        await store.fleets.config(fleet)
        if not streams.has_room:
            detail = "This process has the maximum number of viewers: retry later, or use another dispatcher."
            raise HttpError(503, "too_many_viewers", detail, {"Retry-After": str(BUSY_RETRY_SECONDS)})
        return EventStream(streams.watch(fleet, version))

    return router


def _file_response(file: PageFile, request: Request) -> Response:
    headers = {**HEADERS, "ETag": file.etag}
    if is_known(file.etag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    return Response(file.body, headers=headers, media_type=file.content_type)
