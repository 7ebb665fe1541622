"""The process itself: probes and metrics."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.api.dependencies import TheCaller, TheMetrics, TheParts
from service.api.problems import Refusal
from service.api.routing import ApiRoute
from service.api.rules import allow, public
from service.api.schemas import ProbeAnswer, answer

FORMATS = ("text/plain", "application/openmetrics-text")
TEXT = {"schema": {"type": "string"}}

router = APIRouter(tags=["process"], route_class=ApiRoute)


@router.get("/healthz", responses={200: {"model": ProbeAnswer}})
@public()
async def get_healthz() -> Response:
    """Whether the event loop turns; the store is not asked."""
    return answer(ProbeAnswer(status="ok"))


@router.get("/readyz", responses={200: {"model": ProbeAnswer}, 503: {"model": ProbeAnswer}})
@public()
async def get_readyz(parts: TheParts) -> Response:
    """Whether the store took a write when it was tried last, within about a second, and the process is not ending."""
    status = "ending" if parts.is_ending() else parts.store.readiness
    return answer(ProbeAnswer(status=status), 200 if status == "ready" else 503)


@router.get("/metrics", responses={200: {"content": dict.fromkeys(FORMATS, TEXT)}})
@allow("metrics", offers=FORMATS)
async def get_metrics(request: Request, caller: TheCaller, render: TheMetrics) -> Response:
    """Prometheus or OpenMetrics text, as Accept asks; of all fleets, so not for keys that see only some."""
    if caller.fleets is not None:
        raise Refusal(403, "insufficient_scope", "The metrics are of all fleets: they need a key without restriction.")
    body, content_type = await render(request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": content_type})
