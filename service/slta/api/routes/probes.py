"""Health probes and metrics of the process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from slta.api.http.api_route import ApiRoute, TheDependencies, TheMetrics, ThePrincipal
from slta.api.http.responses import HttpError
from slta.api.http.route_options import allow, public
from slta.api.schemas import json_response
from slta.models.request_record import Part, Scrape

FORMATS = ("text/plain", "application/openmetrics-text")
Of = Annotated[Part | None, Query(description="metrics of this process or of all fleets only; absent: both")]
Levels = Annotated[Literal["1"] | None, Query(description="1: also families by level, of each class")]
TEXT = {"schema": {"type": "string"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """`status` is `ok`, `ready`, or why the process is not ready.

    - `ending`: stopping; serves for `SLTA_LAME_DUCK_SECONDS`. `starting`: not tested yet.
    - `unavailable`: no response of the store, or an unintelligible one.
    - `unconfirmed`: `replicated`, and too few replicas confirm. `unsynced`: `fsync`, and writes may not be synced.
    - `unsuitable`: a server of a cluster fails the check at the start.
    - `clients`: the server's connection limit. `oom`: its memory is full; sessions can end and be renewed, not placed.
    - `readonly`, `masterdown`: a replica. `moved`, `ask`, `tryagain`, `clusterdown`: a slot moves, or has no master.
    - `loading`, `busy`, `misconf`, `noreplicas`, `noauth`, `wrongpass`, `noperm`: the server's error of that name.
    - A sentence: a fleet is stored in a layout that this version does not use.
    """

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartlyReadyAnswer:
    """`ready`, although masters of a cluster take no writes, or slots have no master.

    Fleets there are unreachable. Writes that the store lost of `recovering_fleets` are being restored.
    """

    status: str
    unavailable_shards: int
    unowned_slots: int
    recovering_fleets: int


router = APIRouter(tags=["process"], route_class=ApiRoute)


@router.get("/healthz", responses={200: {"model": ProbeAnswer}})
@public(free_query=True)
async def get_healthz() -> Response:
    """Report that the process responds.

    Liveness: the event loop responds; the store is not called.
    """
    return json_response(ProbeAnswer(status="ok"))


@router.get("/readyz", responses={200: {"model": ProbeAnswer | PartlyReadyAnswer}, 503: {"model": ProbeAnswer}})
@public(free_query=True)
async def get_readyz(dependencies: TheDependencies) -> Response:
    """Report whether the process can place sessions.

    Readiness: the last test write to the store, about a second ago, succeeded and the process is not stopping; else
    503, and `status` says why. Of a cluster, one master that accepts writes is enough.
    """
    store = dependencies.store
    status = "ending" if dependencies.is_ending() else store.readiness
    answer = PartlyReadyAnswer(
        status=status,
        unavailable_shards=sum(store.shards.values()) - store.shards["ready"],
        unowned_slots=store.unowned_slots,
        recovering_fleets=store.recovering,
    )
    if status == "ready" and (answer.unavailable_shards or answer.unowned_slots or answer.recovering_fleets):
        return json_response(answer)
    return json_response(ProbeAnswer(status=status), 200 if status == "ready" else 503)


@router.get("/metrics", responses={200: {"content": dict.fromkeys(FORMATS, TEXT)}})
@allow({"metrics"}, offers=FORMATS)
async def get_metrics(
    request: Request,
    principal: ThePrincipal,
    render: TheMetrics,
    of: Of = None,
    levels: Levels = None,
) -> Response:
    """Get the metrics of this process and of all fleets.

    As Prometheus or OpenMetrics text, by `Accept`. 403 for a key that is restricted to some fleets.
    """
    if principal.fleets is not None:
        raise HttpError(403, "insufficient_scope", "/metrics covers all fleets: use a key without `fleets`.")
    scrape = Scrape(request.headers.get("accept", ""), of, levels is not None)
    return _ClosingStream(*await render(scrape))


class _ClosingStream(StreamingResponse):
    """Streaming response that closes its generator."""

    def __init__(self, chunks: AsyncGenerator[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(chunks, headers=headers)
        self._chunks = chunks

    async def stream_response(self, send: Send) -> None:
        """Send chunk by chunk, as fast as the client reads."""
        async with aclosing(self._chunks):
            await super().stream_response(send)
