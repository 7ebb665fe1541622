"""A fleet in the paper's terms: now, over a window, and what if."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from service.api.dependencies import TheSpecs, TheStore
from service.api.problems import Refusal
from service.api.routing import ApiRoute
from service.api.rules import allow
from service.api.schemas import FleetName, answer
from service.core.limits import MAX_POOLS
from service.errors import UnknownClass
from service.observation import (
    AveragesObservation,
    Observation,
    WhatIf,
    decode_integrals,
    observe,
    observe_averages,
    what_if,
)
from service.values import Integrals, Snapshot

router = APIRouter(prefix="/v1/fleets/{fleet}", tags=["observations"], route_class=ApiRoute)

Window = Annotated[Literal["60", "300", "3600"] | None, Query(description="seconds up to now")]
Since = Annotated[str | None, Query(max_length=4096, description="`integrals` of an earlier answer")]


@router.get("/state", responses={200: {"model": Observation}})
@allow("read", "pool")
async def get_state(fleet: FleetName, store: TheStore, specs: TheSpecs) -> Response:
    """Occupancies, the estimate r and the optimum, utility and its bound, at one instant."""
    snapshot = await store.fleets.snapshot(fleet)
    return answer(observe(snapshot, await specs.of(snapshot.document)))


@router.get("/averages", responses={200: {"model": AveragesObservation}})
@allow("read", "pool")
async def get_averages(
    fleet: FleetName, store: TheStore, specs: TheSpecs, since: Since = None, window: Window = None
) -> Response:
    """Mean utility, its bound and the gaps between, `since` an earlier answer or over a `window`."""
    if (since is None) == (window is None):
        raise Refusal(422, "invalid_request", "query: either since or window is needed")
    older = decode_integrals(fleet, since) if since is not None else None
    snapshot = await store.fleets.snapshot(fleet)
    beginning = older or _beginning(snapshot, int(window or 0))
    return answer(observe_averages(snapshot, beginning, await specs.of(snapshot.document)))


def _beginning(snapshot: Snapshot, window: int) -> Integrals:
    """Nothing is covered yet in a fleet's first second."""
    return snapshot.past.get(window, snapshot.integrals)


_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_COUNT = re.compile(r"[0-9]{1,5}")


@router.get(
    "/optimum",
    responses={200: {"model": WhatIf}},
    openapi_extra={
        "parameters": [
            {
                "name": "load",
                "in": "query",
                "schema": {"type": "number", "minimum": 0},
                "description": "sessions per pool; absent: the sessions there are",
            },
            {
                "name": "pools.CLASS",
                "in": "query",
                "schema": {"type": "integer", "minimum": 0, "maximum": MAX_POOLS},
                "description": "another number of active pools of class CLASS; may be given for each class",
            },
        ]
    },
)
@allow("read", "pool", free_query=True)
async def get_optimum(fleet: FleetName, request: Request, store: TheStore, specs: TheSpecs) -> Response:
    """What if: the bound, the optimal occupancies, the price of load and the worth of one more pool."""
    load, pools = _question(request.query_params.multi_items())
    snapshot = await store.fleets.snapshot(fleet)
    if not pools.keys() <= {c.name for c in snapshot.classes}:
        raise UnknownClass
    return answer(what_if(snapshot, await specs.of(snapshot.document), load, pools))


def _question(query: list[tuple[str, str]]) -> tuple[float | None, dict[str, int]]:
    load, pools = None, {}
    if len({name for name, _ in query}) < len(query):
        raise Refusal(422, "invalid_request", "query: a parameter stands twice")
    for name, value in query:
        if name == "load" and _NUMBER.fullmatch(value):
            load = float(value)
        elif name.startswith("pools.") and _COUNT.fullmatch(value) and int(value) <= MAX_POOLS:
            pools[name.removeprefix("pools.")] = int(value)
        else:
            detail = "query: load=<number ≥ 0> and pools.<class>=<0 to 65536> are known"
            raise Refusal(422, "invalid_request", detail)
    return load, pools
