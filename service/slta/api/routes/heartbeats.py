"""Heartbeat endpoints: leases of pools, which are lost when they run out, and the guard against mass losses."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from slta.api.http.api_route import ApiRoute
from slta.api.http.dependencies import TheAuthor, TheContext, TheDependencies, ThePrincipal, TheStore
from slta.api.http.pool_access import require_pools
from slta.api.http.responses import ApiResponse, as_json
from slta.api.http.route_options import BATCH_BODY, allow
from slta.api.pool_schemas import MAX_POOLS, GuardBody, HeartbeatsBody
from slta.api.schemas import FleetName, json_response
from slta.models import errors
from slta.models.heartbeats import Beats, GuardEnded
from slta.parsing.pool_attributes import MAX_LABELS

router = APIRouter(prefix="/v1/fleets/{fleet}/pools", tags=["pools"], route_class=ApiRoute)


@router.post("/heartbeats", responses={200: {"model": Beats}})
@allow(
    {"pool"},
    body_bytes=BATCH_BODY,
    body_parts=(7 + MAX_LABELS) * MAX_POOLS,
    hot="pools",
    refuses=(errors.PoolNotAllowedError,),
)
async def send_heartbeats(
    fleet: FleetName, body: HeartbeatsBody, dependencies: TheDependencies, context: TheContext
) -> ApiResponse:
    """Renew the leases of pools, or begin them.

    A pool whose lease runs out is `lost` and takes no sessions until its next heartbeat.
    """
    heartbeats = body.rows
    require_pools(context.principal, [pool_id for pool_id, *_ in heartbeats])
    return ApiResponse(200, as_json(await dependencies.store.pools.beat(fleet, heartbeats, context.arrived)))


@router.post("/guard", responses={200: {"model": GuardEnded}})
@allow({"pool"}, refuses=(errors.UnknownClassError, errors.PoolNotAllowedError))
async def end_guard(
    fleet: FleetName, body: GuardBody, store: TheStore, author: TheAuthor, principal: ThePrincipal
) -> Response:
    """End the mass-loss guard of a class, or of all classes.

    While the guard is on, pools whose leases have run out stay in service as `unconfirmed`, as so many losses at
    once are more likely to be those of a network. This call makes them `lost`.
    """
    require_pools(principal, None)
    return json_response(await store.pools.end_guard(fleet, body.pool_class, author))
