"""FastAPI application: each request and each WebSocket is a session, from its beginning to its end.

pip install ./clients/python 'fastapi[standard]'    # needs a dispatcher, SLTA_AUTH=false, and fleet tiny of README.md
SLTA_URL=http://127.0.0.1:8080 SLTA_FLEET=tiny fastapi run examples/client/web_app.py
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse

from slta_client import AsyncClient, PlacementError, SessionLostError

URL = os.environ.get("SLTA_URL", "http://127.0.0.1:8080")
FLEET = os.environ.get("SLTA_FLEET", "tiny")
LEASE_SECONDS = 30.0  # renewed every 10 s, which is also how soon a lost place is noticed


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """One client for the whole application: it renews all leases, and ends what is left when the application stops."""
    slta = AsyncClient(URL, FLEET, lease_seconds=LEASE_SECONDS)
    async with slta, httpx.AsyncClient(timeout=60) as pools:
        yield {"slta": slta, "pools": pools}


app = FastAPI(lifespan=lifespan)


@app.post("/ask")
async def ask(request: Request) -> Response:
    """Pass a question on to a pool: the session lasts until the pool has answered."""
    async with request.state.slta.session(wait=2) as session:
        try:
            answer = await request.state.pools.post(f"http://{session.address}/ask", content=await request.body())
        except httpx.HTTPError as error:
            return JSONResponse({"detail": f"the pool did not answer: {error!r}"}, 502)
        return Response(answer.content, answer.status_code, {"X-Pool": session.pool_id})


@app.websocket("/play")
async def play(socket: WebSocket) -> None:
    """Tell a player where to play: the session lasts until the player leaves, who sends something now and then."""
    await socket.accept()
    try:
        async with socket.state.slta.session(wait=2) as session:
            await socket.send_json({"session_id": session.id, "address": session.address})
            while True:
                await socket.receive_text()
                session.check()  # raises SessionLostError if the pool failed meanwhile
    except WebSocketDisconnect:
        return
    except (PlacementError, SessionLostError):
        await socket.close(1013, "try again later")


@app.exception_handler(PlacementError)
@app.exception_handler(SessionLostError)
async def unavailable(_: Request, error: Exception) -> JSONResponse:
    """Say that there is no place, or that it was lost before the answer."""
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": "1"})
