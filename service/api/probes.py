"""The process itself: probes and metrics."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

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
    return _InPieces(*await render(request.headers.get("accept", "")))


class _InPieces(StreamingResponse):
    """An answer that is made while it is sent; what makes it is closed with it."""

    def __init__(self, pieces: AsyncGenerator[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(pieces, headers=headers)
        self._pieces = pieces

    async def stream_response(self, send: Send) -> None:
        """Send piece after piece, each when the client has taken most of those before."""
        async with aclosing(self._pieces):
            await super().stream_response(send)
