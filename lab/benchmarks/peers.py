"""What the dispatcher is compared with in Python: the least-loaded service that a user would write, and two floors.

`uvicorn lab.benchmarks.peers:least_loaded` takes its store from `PEER_STORE_URL`.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

SCRIPT = Path(__file__).with_name("least_loaded.lua")
KEYS = ("pools", "weights", "sessions")
"""The keys of the script: pools by occupancy/weight, weight by pool, pool by session."""

Message = MutableMapping[str, Any]


class SessionBody(BaseModel):
    session_id: Annotated[str, Field(min_length=1, max_length=128)]


class Placed(BaseModel):
    session_id: str
    pool_id: str


def add_pools(redis: Redis, pools: int, classes: int) -> None:
    """Empty pools whose weights are 1, 2, … by class, on an empty store."""
    redis.hset(KEYS[1], mapping={f"pool-{k}": 1 + k % classes for k in range(pools)})
    redis.zadd(KEYS[0], {f"pool-{k}": 0 for k in range(pools)})


def least_loaded() -> FastAPI:
    """One script call a request."""
    app = FastAPI()
    redis: AsyncRedis = AsyncRedis.from_url(os.environ["PEER_STORE_URL"], decode_responses=True)
    script = redis.register_script(SCRIPT.read_text(encoding="utf-8"))

    @app.post("/assign", status_code=201)
    async def assign(body: SessionBody) -> Placed:
        pool = await script(keys=KEYS, args=("assign", body.session_id))
        return Placed(session_id=body.session_id, pool_id=pool)

    @app.post("/complete")
    async def complete(body: SessionBody) -> Placed:
        pool = await script(keys=KEYS, args=("complete", body.session_id))
        if pool is None:
            raise HTTPException(404, "unknown session")
        return Placed(session_id=body.session_id, pool_id=pool)

    return app


def nothing() -> FastAPI:
    """A route that does nothing: what FastAPI costs by itself."""
    app = FastAPI()

    @app.post("/assign")
    @app.post("/complete")
    async def do_nothing() -> dict[str, str]:
        return {}

    return app


async def bare(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """An ASGI application that reads the request and answers: what the server costs by itself."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})
