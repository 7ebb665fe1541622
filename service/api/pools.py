"""Pool endpoints: create, move, remove, drain, fail, and reconcile with a pool's own list of sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from service.api.dependencies import TheAuthor, TheStore
from service.api.problems import Refusal
from service.api.routing import ApiRoute
from service.api.rules import BATCH_BODY, allow
from service.api.schemas import (
    MOST_LISTED_SESSIONS,
    MOST_POOLS,
    FleetName,
    PoolBody,
    PoolId,
    PoolsBody,
    PoolSessionsBody,
    answer,
)
from service.errors import PoolInOtherClass, PoolLimit, PoolNotEmpty, StaleReport, UnknownClass, UnknownPool
from service.values import Pool, PoolFailed, PoolPage, PoolsAdded, Reconciliation

router = APIRouter(prefix="/v1/fleets/{fleet}/pools", tags=["pools"], route_class=ApiRoute)

Cursor = Annotated[str | None, Query(pattern=r"^[0-9]{1,9}$", description="`next_cursor` of the previous page")]
Limit = Annotated[int, Query(ge=1, le=MOST_POOLS)]


@router.get("", responses={200: {"model": PoolPage}})
@allow("read", "pool")
async def list_pools(fleet: FleetName, store: TheStore, cursor: Cursor = None, limit: Limit = 100) -> Response:
    """List pools, paginated."""
    return answer(await store.pools.page(fleet, cursor, limit))


@router.post("", responses={200: {"model": PoolsAdded}})
@allow("pool", body_bytes=BATCH_BODY, body_parts=4 * MOST_POOLS, refuses=(UnknownClass, PoolInOtherClass, PoolLimit))
async def add_pools(fleet: FleetName, body: PoolsBody, store: TheStore, author: TheAuthor) -> Response:
    """Create pools atomically; existing pools of the same class are unchanged."""
    ids = [entry.pool_id for entry in body.pools]
    if len(set(ids)) < len(ids):
        raise Refusal(422, "invalid_request", "pools: duplicate pool_id")
    pools = [(entry.pool_id, entry.pool_class) for entry in body.pools]
    return answer(await store.pools.add(fleet, pools, author))


@router.get("/{pool_id}", responses={200: {"model": Pool}})
@allow("read", "pool", refuses=(UnknownPool,))
async def get_pool(fleet: FleetName, pool_id: PoolId, store: TheStore) -> Response:
    """Get a pool."""
    return answer(await store.pools.get(fleet, pool_id))


@router.put("/{pool_id}", responses={200: {"model": Pool}, 201: {"model": Pool}})
@allow("pool", refuses=(UnknownClass, PoolNotEmpty, PoolLimit))
async def put_pool(fleet: FleetName, pool_id: PoolId, body: PoolBody, store: TheStore, author: TheAuthor) -> Response:
    """Create a pool (201), or move an empty one to another class (200)."""
    pool, created = await store.pools.move(fleet, pool_id, body.pool_class, author)
    return answer(pool, 201 if created else 200)


@router.delete("/{pool_id}", status_code=204)
@allow("pool", refuses=(UnknownPool, PoolNotEmpty))
async def delete_pool(fleet: FleetName, pool_id: PoolId, store: TheStore, author: TheAuthor) -> Response:
    """Remove an empty pool."""
    await store.pools.remove(fleet, pool_id, author)
    return Response(status_code=204)


@router.post("/{pool_id}/drain", responses={200: {"model": Pool}})
@allow("pool", refuses=(UnknownPool,))
async def drain_pool(fleet: FleetName, pool_id: PoolId, store: TheStore, author: TheAuthor) -> Response:
    """Stop assigning sessions to a pool; live sessions stay."""
    return answer(await store.pools.set_status(fleet, pool_id, "draining", author))


@router.post("/{pool_id}/undrain", responses={200: {"model": Pool}})
@allow("pool", refuses=(UnknownPool,))
async def undrain_pool(fleet: FleetName, pool_id: PoolId, store: TheStore, author: TheAuthor) -> Response:
    """Assign sessions to a pool again."""
    return answer(await store.pools.set_status(fleet, pool_id, "active", author))


@router.post("/{pool_id}/fail", responses={200: {"model": PoolFailed}})
@allow("pool", refuses=(UnknownPool,))
async def fail_pool(fleet: FleetName, pool_id: PoolId, store: TheStore, author: TheAuthor) -> Response:
    """Stop assigning sessions to a pool and end its live sessions."""
    return answer(await store.pools.fail(fleet, pool_id, author))


@router.put("/{pool_id}/sessions", responses={200: {"model": Reconciliation}})
@allow("pool", body_bytes=BATCH_BODY, body_parts=2 * MOST_LISTED_SESSIONS, refuses=(UnknownPool, StaleReport))
async def put_pool_sessions(fleet: FleetName, pool_id: PoolId, body: PoolSessionsBody, store: TheStore) -> Response:
    """Reconcile with a pool's own list: sessions assigned before `as_of` and not listed are ended."""
    return answer(await store.pools.reconcile(fleet, pool_id, body.as_of, body.session_ids))
