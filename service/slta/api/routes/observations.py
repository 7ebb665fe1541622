"""Observation endpoints in the paper's terms: state, next placement, time averages, optimum."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from slta.api.http.api_route import ApiRoute
from slta.api.http.dependencies import TheAdvisor, TheExpectedGaps, TheSpecs, TheStore
from slta.api.http.problems import HttpError
from slta.api.http.route_options import allow
from slta.api.http.worker import in_worker
from slta.api.schemas import FleetName, json_response
from slta.core.limits import MAX_POOLS
from slta.core.scaling.advice import Advice, advise
from slta.core.scaling.settings import Scale
from slta.core.session_types import DEFAULT_TYPE
from slta.models.errors import (
    AdviceWithheldError,
    InvalidIntegralsError,
    ScaleNotConfiguredError,
    UnknownClassError,
    UnknownSessionTypeError,
    UtilitiesChangedError,
)
from slta.parsing import NAME_PATTERN
from slta.scaling.advisor import Basis
from slta.views.averages import AveragesObservation, observe_averages
from slta.views.integrals import decode_integrals
from slta.views.next_placement import NextPlacement, next_placement
from slta.views.quality import QualityObservation, observe_quality
from slta.views.scale import ScaleObservation, observe_scale
from slta.views.state import Observation, observe_state
from slta.views.what_if import Loads, WhatIf, changed, what_if

router = APIRouter(prefix="/v1/fleets/{fleet}", tags=["observations"], route_class=ApiRoute)

Window = Annotated[Literal["60", "300", "3600"] | None, Query(description="length in seconds, up to now")]
Since = Annotated[str | None, Query(max_length=4096, description="`integrals` of an earlier response")]

SessionType = Annotated[str, Query(pattern=NAME_PATTERN, description="type of the session")]


@router.get("/state", responses={200: {"model": Observation}})
@allow({"read", "pool"})
async def get_state(fleet: FleetName, store: TheStore, specs: TheSpecs, expected_gaps: TheExpectedGaps) -> Response:
    """Get the state of a fleet at one instant.

    Occupancies, the estimate of the optimal rank, utility, its bound at the present load, and the optimal
    occupancies.
    """
    snapshot = await store.fleets.snapshot(fleet)
    spec = await specs.of_stored(snapshot.document)
    return json_response(await in_worker(observe_state, snapshot, spec, expected_gaps.now(snapshot, spec)))


@router.get("/next", responses={200: {"model": NextPlacement}})
@allow({"read", "pool"}, refuses=(UnknownSessionTypeError,))
async def get_next(
    fleet: FleetName, store: TheStore, specs: TheSpecs, session_type: SessionType = DEFAULT_TYPE
) -> Response:
    """Explain where the next session would be placed.

    The steps of the policy at one instant, and the best place of each class. No session is placed.
    """
    snapshot = await store.fleets.snapshot(fleet)
    spec = await specs.of_stored(snapshot.document)
    return json_response(await in_worker(next_placement, snapshot, spec, session_type))


@router.get("/quality", responses={200: {"model": QualityObservation}})
@allow({"read", "pool"})
async def get_quality(fleet: FleetName, store: TheStore, specs: TheSpecs) -> Response:
    """Get the measured quality of a fleet.

    Number, sum and sum of squares of the samples that pools have sent, by class and number of sessions on a pool.
    """
    snapshot = await store.fleets.snapshot(fleet)
    spec = await specs.of_stored(snapshot.document)
    return json_response(await in_worker(observe_quality, snapshot, spec))


@router.get("/averages", responses={200: {"model": AveragesObservation}})
@allow({"read", "pool"}, refuses=(UtilitiesChangedError, InvalidIntegralsError))
async def get_averages(
    fleet: FleetName,
    store: TheStore,
    specs: TheSpecs,
    expected_gaps: TheExpectedGaps,
    since: Since = None,
    window: Window = None,
) -> Response:
    """Get time averages of utility, its bound and the gaps between them.

    Over a `window` up to now, or `since` an earlier response, with its `integrals`. Give one of the two.
    """
    if (since is None) == (window is None):
        raise HttpError(422, "invalid_request", "query: give either since or window")
    older = decode_integrals(fleet, since) if since is not None else None
    snapshot = await store.fleets.snapshot(fleet)
    # In a fleet's first second the window starts at the present integrals: it is empty.
    start = older or snapshot.past.get(int(window or 0), snapshot.integrals)
    spec = await specs.of_stored(snapshot.document)
    return json_response(await in_worker(observe_averages, snapshot, start, spec, expected_gaps.now(snapshot, spec)))


Floor = Annotated[
    str | None, Query(max_length=64, description="what if: utility per session, or a share of the most, such as `95%`")
]
Budget = Annotated[float | None, Query(gt=0, lt=1e13, description="what if: cost of all pools, instead of a floor")]
Hold = Annotated[float | None, Query(ge=0, description="what if: time for which the largest load counts")]


@router.get("/scale", responses={200: {"model": ScaleObservation}})
@allow({"read", "pool"}, refuses=(ScaleNotConfiguredError, AdviceWithheldError))
async def get_scale(
    fleet: FleetName, advisor: TheAdvisor, floor: Floor = None, budget: Budget = None, hold_seconds: Hold = None
) -> Response:
    """Advise how many pools of each class the fleet needs, and which may go.

    By `scale` of the fleet's configuration, or with a parameter by another aim or hold. Read at most every 10 s.
    """
    basis = await advisor.basis(fleet)
    try:
        scale = basis.scale.changed(floor, budget, hold_seconds)
        if scale.floor:
            basis.spec.floors(scale.floor)
    except ValueError as error:
        raise HttpError(422, "invalid_request", f"query: {error}") from None
    async with advisor.turn:
        return json_response(await in_worker(_answer, basis, scale))


def _answer(basis: Basis, scale: Scale) -> ScaleObservation:
    advice = advise(*basis._replace(scale=scale))
    if isinstance(advice, Advice):
        return observe_scale(advice, hypothetical=scale != basis.scale)
    counts = zip(basis.spec.class_names(), advice.may_add, strict=True)
    raise AdviceWithheldError(reason=advice.reason, may_add=" ".join(f"{name}:{count}" for name, count in counts))


_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,20})?")
_COUNT = re.compile(r"[0-9]{1,5}")
LOAD_PATTERN = rf"^({NAME_PATTERN.removeprefix('^').removesuffix('$')}:)?{_NUMBER.pattern}$"
POOLS_PATTERN = rf"{NAME_PATTERN.removesuffix('$')}:{_COUNT.pattern}$"


LOADS = {"load_per_pool": "per active pool of the fleet", "sessions": "of the whole fleet"}
"""Query parameters with a load, and whose sessions they count."""


@router.get(
    "/optimum",
    responses={200: {"model": WhatIf}},
    openapi_extra={
        "parameters": [
            {
                "name": name,
                "in": "query",
                "schema": {"type": "array", "items": {"type": "string", "pattern": LOAD_PATTERN}},
                "description": f"sessions {whole}, in the present proportion of types, or "
                "`<session type>:<number>` of a type, repeatable; absent: the current sessions",
            }
            for name, whole in LOADS.items()
        ]
        + [
            {
                "name": "pools",
                "in": "query",
                "schema": {"type": "array", "items": {"type": "string", "pattern": POOLS_PATTERN}},
                "description": "`<class>:<number>`: active pools of a class, default the current number; repeatable",
            }
        ]
    },
)
@allow({"read", "pool"}, free_query=True, refuses=(UnknownClassError, UnknownSessionTypeError))
async def get_optimum(
    fleet: FleetName, request: Request, store: TheStore, specs: TheSpecs, expected_gaps: TheExpectedGaps
) -> Response:
    """Compute the optimum at another load or number of pools.

    The bound, optimal occupancies, the price of load and what one more pool of each class is worth. What is not
    given is as it is now.
    """
    query = request.query_params.multi_items()
    loads, pools = _parse_query(query)
    per_pool = all(name != "sessions" for name, _ in query)
    snapshot = await store.fleets.snapshot(fleet)
    if not pools.keys() <= {c.name for c in snapshot.classes}:
        raise UnknownClassError
    spec = await specs.of_stored(snapshot.document)
    counts, sessions = changed(snapshot, spec, loads, pools, per_pool=per_pool)
    expected = expected_gaps.what_if(snapshot, spec, counts, sum(sessions))
    return json_response(await in_worker(what_if, spec, counts, sessions, expected))


def _parse_query(query: Sequence[tuple[str, str]]) -> tuple[Loads, dict[str, int]]:
    given = [value.rpartition(":") for name, value in query if name in LOADS]
    pools = [value.rpartition(":") for name, value in query if name == "pools"]
    loads = {session_type: load for session_type, _, load in given}
    counts = {pool_class: count for pool_class, _, count in pools}
    mixed = dict(query).keys() >= LOADS.keys()
    if mixed or len(loads) < len(given) or ("" in loads and len(loads) > 1) or len(counts) < len(pools):
        raise HttpError(422, "invalid_request", "query: duplicate load or class")
    understood = len(given) + len(pools) == len(query) and all(map(_NUMBER.fullmatch, loads.values()))
    named = all(session_type or not colon for session_type, colon, _ in given)
    counted = all(_COUNT.fullmatch(count) and int(count) <= MAX_POOLS for count in counts.values())
    if not (understood and named and counted):
        raise HttpError(
            422,
            "invalid_request",
            "query: must be load_per_pool or sessions=<number ≥ 0> or <session type>:<number ≥ 0>, or "
            "pools=<class>:<0 to 65536>",
        )
    return {name: float(load) for name, load in loads.items()}, {name: int(count) for name, count in counts.items()}
