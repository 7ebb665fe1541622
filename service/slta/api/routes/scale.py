"""Scale advice: how many pools of each class a fleet needs, and which may go."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from slta.api.http.api_route import ApiRoute
from slta.api.http.dependencies import TheAdvisor
from slta.api.http.problems import HttpError
from slta.api.http.route_options import allow
from slta.api.http.worker import in_worker
from slta.api.schemas import FleetName, json_response
from slta.core.fleet import FleetSpec
from slta.core.scaling.advice import Advice, advise
from slta.core.scaling.settings import MAX_WINDOW_SECONDS, Scale, floor_of
from slta.models.errors import AdviceWithheldError, ScaleNotConfiguredError
from slta.views.scale import ScaleObservation, observe_scale

router = APIRouter(prefix="/v1/fleets/{fleet}/scale", tags=["observations"], route_class=ApiRoute)

Floor = Annotated[
    str | None,
    Query(max_length=64, description="what if: utility per session, or a share of the most, such as `95%`"),
]
Budget = Annotated[float | None, Query(gt=0, lt=1e13, description="what if: cost of all pools, instead of a floor")]
Hold = Annotated[
    float | None, Query(ge=0, le=MAX_WINDOW_SECONDS, description="what if: time for which the largest load counts")
]


@router.get("", responses={200: {"model": ScaleObservation}})
@allow({"read", "pool"}, refuses=(ScaleNotConfiguredError, AdviceWithheldError))
async def get_scale(
    fleet: FleetName, advisor: TheAdvisor, floor: Floor = None, budget: Budget = None, hold_seconds: Hold = None
) -> Response:
    """Advise how many pools of each class the fleet needs, and which may go.

    By `scale` of the fleet's configuration, or with a parameter by another aim or hold. Read at most every 10 s.
    """
    basis = await advisor.basis(fleet)
    scale = _changed(basis.spec, basis.scale, floor, budget, hold_seconds)
    advice = basis.advice
    if scale != basis.scale:
        advice = await in_worker(advise, basis.spec, scale, basis.lines, basis.present)
    if not isinstance(advice, Advice):
        counts = zip(basis.spec.class_names(), advice.may_add, strict=True)
        raise AdviceWithheldError(reason=advice.reason, may_add=" ".join(f"{name}:{count}" for name, count in counts))
    return json_response(await in_worker(observe_scale, advice, hypothetical=scale != basis.scale))


def _changed(
    spec: FleetSpec, scale: Scale, floor: str | None, budget: float | None, hold_seconds: float | None
) -> Scale:
    try:
        aim = None if floor is None else floor_of(floor)
        if aim:
            spec.floors(aim)
    except ValueError as error:
        raise HttpError(422, "invalid_request", f"query.floor: {error}") from None
    if aim and budget is not None:
        raise HttpError(422, "invalid_request", "query: give either floor or budget")
    if aim or budget is not None:
        scale = replace(scale, floor=aim, budget=budget)
    if hold_seconds is not None and hold_seconds + scale.lead_seconds > scale.window_seconds:
        limit = f"query.hold_seconds: with the longest lead must be within the {scale.window_seconds} s that are kept"
        raise HttpError(422, "invalid_request", limit)
    return scale if hold_seconds is None else replace(scale, hold_seconds=hold_seconds)
