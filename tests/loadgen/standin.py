"""A stand-in for the service, speaking docs/api.md with faults on demand. The real one is tested elsewhere."""

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

DROP_AFTER = "drop after"  # do it, then cut the connection
DROP_BEFORE = "drop before"
Fault = str | tuple[int, str]
"""One of these, or the status and the code of a problem."""


def problem(status: int, code: str) -> web.Response:
    return web.json_response(
        {"code": code, "status": status, "detail": code}, status=status, content_type="application/problem+json"
    )


class StandIn:
    def __init__(
        self,
        pools: int = 3,
        capacity: int = 10_000,
        lease_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        session_types: Sequence[str] = ("default", "video", "chat"),
    ) -> None:
        self.session_types = session_types
        self.pool_ids = [f"small-{k}" for k in range(1, pools + 1)]
        self.capacity = capacity
        self.lease_seconds = lease_seconds
        self.live: dict[str, str] = {}
        self.ended: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []  # (call, session id), as they came in
        self.replies: list[tuple[str, str]] = []  # (call, session id), as they were answered
        self.faults: dict[str, deque[Fault]] = {"assign": deque(), "complete": deque(), "operations": deque()}
        self.operations_per_call: list[int] = []
        self.open_gate = asyncio.Event()
        self.open_gate.set()
        self.arrived = asyncio.Event()
        self.renewals: list[list[str]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.on_assign: Callable[[], None] = lambda: None
        self._next_pool = cycle(self.pool_ids)
        self._integral = 0.0
        self._clock = clock
        self._since = clock()

    def occupancies(self) -> dict[str, int]:
        return dict(Counter(self.live.values()))

    def advance(self) -> dict[str, float]:
        now = self._clock()
        self._integral += len(self.live) * (now - self._since)
        self._since = now
        return {"sessions": self._integral, "at": now}

    async def assign(self, request: web.Request) -> web.Response:
        session_id = (await self._begin("assign", request))["session_id"]
        self.on_assign()
        await self.open_gate.wait()
        return await self._answer("assign", request, session_id, self._place)

    async def complete(self, request: web.Request) -> web.Response:
        session_id = (await self._begin("complete", request))["session_id"]
        return await self._answer("complete", request, session_id, self._end)

    async def operations(self, request: web.Request) -> web.Response:
        """Many in one call, each with an outcome of its own. Faults of a call cut it or refuse all of it."""
        operations = (await request.json())["operations"]
        self.operations_per_call.append(len(operations))
        named = [(call, body["session_id"]) for operation in operations for call, body in operation.items()]
        self.requests += named
        self.arrived.set()
        await self.open_gate.wait()
        fault = self.faults["operations"].popleft() if self.faults["operations"] else None
        if isinstance(fault, tuple):
            return problem(*fault)
        outcomes = [] if fault == DROP_BEFORE else [self._outcome(*operation) for operation in named]
        if fault is not None:
            assert request.transport
            request.transport.close()
        return web.json_response({"outcomes": outcomes})

    def _outcome(self, call: str, session_id: str) -> dict[str, Any]:
        """A fault of one operation is the status and the code of its problem."""
        fault = self.faults[call].popleft() if self.faults[call] else None
        acts = {"assign": self._place, "complete": self._end}
        response = problem(int(fault[0]), fault[1]) if fault else acts[call](session_id)
        return {"status": response.status, "body": json.loads(response.text or "")}

    async def has_received(self, count: int) -> None:
        """Returns when so many assigns and completes have come in."""
        while len(self.requests) < count:
            self.arrived.clear()
            await self.arrived.wait()

    async def _begin(self, call: str, request: web.Request) -> dict[str, Any]:
        body: dict[str, Any] = await request.json()
        self.headers.append(dict(request.headers))
        self.bodies.append(body)
        self.requests.append((call, body["session_id"]))
        self.arrived.set()
        return body

    async def _answer(
        self, call: str, request: web.Request, session_id: str, act: Callable[[str], web.Response]
    ) -> web.Response:
        fault = self.faults[call].popleft() if self.faults[call] else None
        if isinstance(fault, tuple):
            response = problem(*fault)
        elif fault == DROP_BEFORE:
            response = None
        else:
            response = act(session_id)
        if response is None or fault == DROP_AFTER:
            assert request.transport
            request.transport.close()
            return web.Response()
        self.replies.append((call, session_id))
        return response

    def _place(self, session_id: str) -> web.Response:
        if session_id in self.ended:
            return problem(409, "session_ended")
        if replayed := session_id in self.live:
            pool_id = self.live[session_id]
        elif len(self.live) >= self.capacity:
            return problem(429, "no_capacity")
        else:
            pool_id = next(self._next_pool)
            self.advance()
            self.live[session_id] = pool_id
        body = {"session_id": session_id, "pool_id": pool_id, "pool_class": "small", "token": None}
        return web.json_response(
            body | {"lease_seconds": self.lease_seconds, "replayed": replayed}, status=200 if replayed else 201
        )

    def _end(self, session_id: str) -> web.Response:
        if session_id in self.ended:
            return web.json_response({"session_id": session_id, "outcome": "already_ended", "reason": "expired"})
        if session_id not in self.live:
            return problem(404, "unknown_session")
        self.expire(session_id)
        return web.json_response({"session_id": session_id, "outcome": "completed"})

    def expire(self, session_id: str) -> None:
        self.advance()
        self.ended[session_id] = self.live.pop(session_id)

    async def renew(self, request: web.Request) -> web.Response:
        ids = (await request.json())["session_ids"]
        self.renewals.append(ids)
        renewed, expired = ([s for s in ids if s in known] for known in (self.live, self.ended))
        return web.json_response({"renewed": renewed, "expired": expired, "unknown": []})

    async def state(self, _: web.Request) -> web.Response:
        types = [{"name": name} for name in self.session_types]
        pools = {"active": len(self.pool_ids)}
        return web.json_response({"pools": pools, "integrals": json.dumps(self.advance()), "session_types": types})

    async def averages(self, request: web.Request) -> web.Response:
        then, now = json.loads(request.query["since"]), self.advance()
        window = now["at"] - then["at"]
        mean = (now["sessions"] - then["sessions"]) / window / len(self.pool_ids)
        return web.json_response(
            {"window_seconds": window, "mean_pools": len(self.pool_ids), "mean_sessions_per_pool": mean}
        )

    async def pools(self, request: web.Request) -> web.Response:
        """Two a page."""
        start = int(request.query.get("cursor", 0))
        counts = Counter(self.live.values())
        page = [{"pool_id": p, "occupancy": counts[p]} for p in self.pool_ids[start : start + 2]]
        more = start + 2 < len(self.pool_ids)
        return web.json_response({"pools": page, "next_cursor": str(start + 2) if more else None})

    async def fleets(self, _: web.Request) -> web.Response:
        return web.json_response({"fleets": ["default"]})

    @asynccontextmanager
    async def serving(self, port: int | None = None) -> AsyncIterator[str]:
        """Yields its URL."""
        app = web.Application()
        at = "/v1/fleets/default"
        for name in ("assign", "complete", "renew", "operations"):
            app.router.add_post(f"{at}/{name}", getattr(self, name))
        for name in ("state", "averages", "pools"):
            app.router.add_get(f"{at}/{name}", getattr(self, name))
        app.router.add_get("/v1/fleets", self.fleets)
        async with TestServer(app, port=port) as server:
            yield str(server.make_url("/"))
