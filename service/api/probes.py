"""Health probes and metrics of the process."""

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
    """Liveness: the event loop responds; the store is not called."""
    return answer(ProbeAnswer(status="ok"))


@router.get("/readyz", responses={200: {"model": ProbeAnswer}, 503: {"model": ProbeAnswer}})
@public()
async def get_readyz(parts: TheParts) -> Response:
    """Readiness: the last test write to the store, about a second ago, succeeded and the process is not stopping."""
    status = "ending" if parts.is_ending() else parts.store.readiness
    return answer(ProbeAnswer(status=status), 200 if status == "ready" else 503)


@router.get("/metrics", responses={200: {"content": dict.fromkeys(FORMATS, TEXT)}})
@allow("metrics", offers=FORMATS)
async def get_metrics(request: Request, caller: TheCaller, render: TheMetrics) -> Response:
    """Metrics of all fleets as Prometheus or OpenMetrics text, by Accept; not for keys restricted to some fleets."""
    if caller.fleets is not None:
        raise Refusal(403, "insufficient_scope", "/metrics covers all fleets: use a key without `fleets`.")
    return _InPieces(*await render(request.headers.get("accept", "")))


class _InPieces(StreamingResponse):
    """Streaming response that closes its generator."""

    def __init__(self, pieces: AsyncGenerator[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(pieces, headers=headers)
        self._pieces = pieces

    async def stream_response(self, send: Send) -> None:
        """Send chunk by chunk, as fast as the client reads."""
        async with aclosing(self._pieces):
            await super().stream_response(send)
