"""Observation endpoints in the paper's terms: state, next placement, time averages."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from slta.api.http.api_route import ApiRoute, TheAdvisor, TheSpecs, TheStore
from slta.api.http.bodies import in_worker
from slta.api.http.responses import HttpError
from slta.api.http.route_options import allow
from slta.api.schemas import FleetName, json_response
from slta.core.scaling.advice import Advice, advise
from slta.core.scaling.settings import Scale
from slta.core.session_types import DEFAULT_TYPE
from slta.models.errors import (
    AdviceWithheldError,
    InvalidIntegralsError,
    ScaleNotConfiguredError,
    UnknownSessionTypeError,
    UtilitiesChangedError,
)
from slta.parsing import NAME_PATTERN
from slta.scaling.advisor import Basis
from slta.views.averages import AveragesObservation, decode_integrals, observe_averages
from slta.views.next_placement import NextPlacement, next_placement
from slta.views.quality import QualityObservation, observe_quality
from slta.views.scale import ScaleObservation, observe_scale
from slta.views.state import Observation, observe_state

router = APIRouter(prefix="/v1/fleets/{fleet}", tags=["observations"], route_class=ApiRoute)

Window = Annotated[Literal["60", "300", "3600"] | None, Query(description="length in seconds, up to now")]
Since = Annotated[str | None, Query(max_length=4096, description="`integrals` of an earlier response")]

SessionType = Annotated[str, Query(pattern=NAME_PATTERN, description="type of the session")]


@router.get("/state", responses={200: {"model": Observation}})
@allow({"read", "pool"})
async def get_state(fleet: FleetName, store: TheStore, specs: TheSpecs) -> Response:
    """Get the state of a fleet at one instant.

    Occupancies, the estimate of the optimal rank, utility, its bound at the present load, and the optimal
    occupancies.
    """
    snapshot = await store.fleets.snapshot(fleet)
    spec = await specs.of_stored(snapshot.document)
    return json_response(await in_worker(observe_state, snapshot, spec))


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
    return json_response(await in_worker(observe_averages, snapshot, start, spec))


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
