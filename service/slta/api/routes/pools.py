"""Pool endpoints: create, move, remove, drain, fail, reconcile; heartbeats and the mass-loss guard; addresses."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import Response

from slta.api.http.api_route import (
    ApiRoute,
    ByName,
    ByNumber,
    TheAuthor,
    TheContext,
    TheDependencies,
    TheEndpoints,
    ThePrincipal,
    TheStore,
)
from slta.api.http.authorization import quota_of, readable, require_pools
from slta.api.http.bodies import in_worker
from slta.api.http.openapi import TEXT
from slta.api.http.responses import ApiResponse, HttpError, as_json, is_known
from slta.api.http.route_options import BATCH_BODY, SMALL_PARTS, allow
from slta.api.schemas import (
    MAX_LISTED_SESSIONS,
    MAX_POOLS,
    DrainBody,
    FleetName,
    GuardBody,
    HeartbeatsBody,
    PoolBody,
    PoolId,
    PoolsBody,
    PoolSessionsBody,
    PoolStatusBody,
    json_response,
)
from slta.core.session_types import DEFAULT_TYPE
from slta.models import (
    Pool,
    PoolFailed,
    PoolFilter,
    PoolPage,
    PoolsAdded,
    PoolsChanged,
    PoolSessions,
    Reconciliation,
    Status,
    errors,
)
from slta.models.pools import Beats, GuardEnded, Liveness
from slta.parsing import NAME_PATTERN
from slta.parsing.pool_attributes import MAX_LABEL_BYTES, MAX_LABELS
from slta.views.endpoints import Endpoints

router = APIRouter(prefix="/v1/fleets/{fleet}", tags=["pools"], route_class=ApiRoute)

MAX_READS = 10
"""Calls of the store for one page, of `POOLS_PER_CALL` pools each. None holds an event loop for 20 ms."""
CREATING = (errors.UnknownClassError, errors.PoolLimitError, errors.PoolQuotaError)


@router.post("/pools/heartbeats", responses={200: {"model": Beats}})
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


@router.post("/pools/guard", responses={200: {"model": GuardEnded}})
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


async def _wanted(
    status: Status | None = None,
    liveness: Liveness | None = None,
    pool_class: Annotated[str | None, Query(pattern=NAME_PATTERN)] = None,
) -> PoolFilter:
    return PoolFilter(status, liveness, pool_class)


@router.get("/pools", responses={200: {"model": PoolPage}})
@allow({"read", "pool"}, refuses=(errors.UnknownClassError,))
async def list_pools(
    fleet: FleetName,
    wanted: Annotated[PoolFilter, Depends(_wanted)],
    paging: ByNumber,
    store: TheStore,
    principal: ThePrincipal,
) -> Response:
    """List the pools that the key may read.

    Paginated, in a fixed order. With a filter, or a key for some pools only, a page looks at 10,000 pools at most. It
    may then have fewer than `limit`, even none, although others follow: only a null `next_cursor` is the end.
    """
    pools, cursor = list[Pool](), paging.cursor
    for _ in range(MAX_READS):
        read = await store.pools.page(fleet, cursor, paging.limit - len(pools), wanted)
        pools += readable(principal, read.pools)
        cursor = read.next_cursor
        if cursor is None or len(pools) == paging.limit:
            break
    return await in_worker(json_response, PoolPage(pools=pools, next_cursor=cursor))


@router.post("/pools", responses={200: {"model": PoolsAdded}})
@allow(
    {"pool"},
    body_bytes=BATCH_BODY,
    body_parts=(6 + MAX_LABELS) * MAX_POOLS,
    refuses=(*CREATING, errors.PoolInOtherClassError, errors.PoolNotAllowedError),
)
async def add_pools(
    fleet: FleetName, body: PoolsBody, store: TheStore, author: TheAuthor, principal: ThePrincipal
) -> Response:
    """Create pools, all of them or none.

    Of pools that exist in the same class only attributes change.
    """
    ids = [entry.pool_id for entry in body.pools]
    if len(set(ids)) < len(ids):
        raise HttpError(422, "invalid_request", "pools: duplicate pool_id")
    require_pools(principal, ids)
    pools = [entry.spec(entry.pool_id) for entry in body.pools]
    return json_response(await store.pools.add(fleet, pools, author, quota_of(principal, pools)))


@router.post("/pools/status", responses={200: {"model": PoolsChanged}})
@allow(
    {"pool"},
    body_bytes=BATCH_BODY,
    body_parts=2 * MAX_POOLS,
    refuses=(errors.UnknownPoolError, errors.UnknownClassError, errors.ChangeTooLargeError, errors.PoolNotAllowedError),
)
async def set_pool_statuses(
    fleet: FleetName, body: PoolStatusBody, store: TheStore, author: TheAuthor, principal: ThePrincipal
) -> Response:
    """Drain many pools, or return them to service.

    Atomically, with one event: the pools of `pool_ids`, or those of `pool_class` that have not failed.
    """
    require_pools(principal, body.pool_ids)
    return json_response(await store.pools.set_statuses(fleet, body.status, body.pools, author, body.drain))


@router.get("/pools/{pool_id}", responses={200: {"model": Pool}})
@allow({"read", "pool"}, refuses=(errors.UnknownPoolError,))
async def get_pool(fleet: FleetName, pool_id: PoolId, store: TheStore) -> Response:
    """Get a pool.

    Its class, status, liveness, occupancy, attributes and drain.
    """
    return json_response(await store.pools.get(fleet, pool_id))


@router.put("/pools/{pool_id}", responses={200: {"model": Pool}, 201: {"model": Pool}})
@allow({"pool"}, body_parts=2 * MAX_LABEL_BYTES, refuses=(*CREATING, errors.PoolNotEmptyError))
async def put_pool(
    fleet: FleetName, pool_id: PoolId, body: PoolBody, store: TheStore, author: TheAuthor, principal: ThePrincipal
) -> Response:
    """Create a pool, or change its attributes or class.

    201 for a new pool. 200 for one that exists: attributes that are absent stay as they are, null removes one. Only
    an empty pool can move to another class.
    """
    pool = body.spec(pool_id)
    moved, created = await store.pools.move(fleet, pool, author, quota_of(principal, [pool]))
    return json_response(moved, 201 if created else 200)


@router.delete("/pools/{pool_id}", status_code=204)
@allow({"pool"}, refuses=(errors.UnknownPoolError, errors.PoolNotEmptyError))
async def delete_pool(fleet: FleetName, pool_id: PoolId, store: TheStore, author: TheAuthor) -> Response:
    """Remove an empty pool.

    409 `pool_not_empty` while sessions are left: drain the pool and wait, or fail it.
    """
    await store.pools.remove(fleet, pool_id, author)
    return Response(status_code=204)


@router.post("/pools/{pool_id}/drain", responses={200: {"model": Pool}})
@allow({"pool"}, refuses=(errors.UnknownPoolError,))
async def drain_pool(
    fleet: FleetName, pool_id: PoolId, body: DrainBody, store: TheStore, author: TheAuthor
) -> Response:
    """Stop assigning sessions to a pool.

    Its live sessions stay. With `within_seconds` those that are left at the deadline are recorded as an event and,
    with `then: fail`, ended. The new deadline, or none, replaces an earlier one.
    """
    return json_response(await store.pools.set_status(fleet, pool_id, "draining", author, body.drain))


@router.post("/pools/{pool_id}/undrain", responses={200: {"model": Pool}})
@allow({"pool"}, refuses=(errors.UnknownPoolError,))
async def undrain_pool(fleet: FleetName, pool_id: PoolId, store: TheStore, author: TheAuthor) -> Response:
    """Assign sessions to a pool again.

    Returns a draining or failed pool to service, and removes the deadline of its drain.
    """
    return json_response(await store.pools.set_status(fleet, pool_id, "active", author))


@router.post("/pools/{pool_id}/fail", responses={200: {"model": PoolFailed}})
@allow({"pool"}, refuses=(errors.UnknownPoolError,))
async def fail_pool(fleet: FleetName, pool_id: PoolId, store: TheStore, author: TheAuthor) -> Response:
    """Stop assigning sessions to a pool and end its live sessions.

    They end in steps: after an interruption repeat the call.
    """
    return json_response(await store.pools.fail(fleet, pool_id, author))


@router.get("/pools/{pool_id}/sessions", responses={200: {"model": PoolSessions}})
@allow({"read", "pool"}, refuses=(errors.UnknownPoolError,))
async def list_pool_sessions(fleet: FleetName, pool_id: PoolId, paging: ByName, store: TheStore) -> Response:
    """List the sessions on a pool.

    Their ids, sorted and paginated, whatever the status of the pool.
    """
    found = await store.pools.sessions(fleet, pool_id)
    ids, following = paging.cut({id_: id_ for id_ in found.session_ids})
    return json_response(PoolSessions(pool_id=pool_id, session_ids=ids, next_cursor=following))


@router.put("/pools/{pool_id}/sessions", responses={200: {"model": Reconciliation}})
@allow(
    {"pool"},
    body_bytes=BATCH_BODY,
    body_parts=2 * MAX_LISTED_SESSIONS + SMALL_PARTS,
    body_members=MAX_LISTED_SESSIONS,
    refuses=(errors.UnknownPoolError, errors.StaleReportError, errors.UnknownSessionTypeError),
)
async def put_pool_sessions(fleet: FleetName, pool_id: PoolId, body: PoolSessionsBody, store: TheStore) -> Response:
    """Reconcile the sessions on a pool with the pool's own list.

    Sessions that were assigned before `as_of` and are not listed are ended; listed ones that are not known are
    adopted.
    """
    listed = {id_: body.session_types.get(id_, DEFAULT_TYPE) for id_ in body.session_ids}
    return json_response(await store.pools.reconcile(fleet, pool_id, body.as_of, listed))


ENDPOINTS_HEADERS: dict[str, Any] = {
    "ETag": {"description": "of the body, for If-None-Match", "schema": TEXT},
    "Age": {"description": "seconds since the pools were read, whole", "schema": {"type": "integer", "minimum": 0}},
}
IfNoneMatch = Annotated[str | None, Header(description="ETag of an earlier response: 304 if nothing has changed")]


@router.get(
    "/endpoints",
    responses={
        200: {"model": Endpoints, "headers": ENDPOINTS_HEADERS},
        304: {"description": "unchanged since the response with this ETag", "headers": ENDPOINTS_HEADERS},
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
