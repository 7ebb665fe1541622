"""Endpoint list of a fleet: its active pools, for clients that place sessions themselves while slta is away."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.responses import Response

from slta.api.http.api_route import ApiRoute
from slta.api.http.dependencies import TheEndpoints
from slta.api.http.openapi import TEXT
from slta.api.http.responses import is_known
from slta.api.http.route_options import allow
from slta.api.schemas import FleetName
from slta.views.endpoints import Endpoints

router = APIRouter(prefix="/v1/fleets/{fleet}/endpoints", tags=["pools"], route_class=ApiRoute)

HEADERS: dict[str, Any] = {
    "ETag": {"description": "of the body, for If-None-Match", "schema": TEXT},
    "Age": {"description": "seconds since the pools were read, whole", "schema": {"type": "integer", "minimum": 0}},
}
IfNoneMatch = Annotated[str | None, Header(description="ETag of an earlier response: 304 if nothing has changed")]


@router.get(
    "",
    responses={
        200: {"model": Endpoints, "headers": HEADERS},
        304: {"description": "unchanged since the response with this ETag", "headers": HEADERS},
    },
)
@allow({"assign", "read"})
async def list_endpoints(fleet: FleetName, endpoints: TheEndpoints, if_none_match: IfNoneMatch = None) -> Response:
    """List the active pools for clients that place sessions themselves.

    By class: ids, addresses, capacity and occupancies, read about a second ago. While the store is unavailable, up
    to 10 s ago: see `Age`.
    """
    copy = await endpoints.of(fleet)
    age = int(asyncio.get_running_loop().time() - copy.began)
    headers = {"ETag": copy.etag, "Age": str(age), "Cache-Control": "private, no-cache"}
    if is_known(copy.etag, if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(copy.body, headers=headers, media_type="application/json")
