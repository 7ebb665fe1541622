"""A service that stands in for the dispatcher where a test states its answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Operation = dict[str, dict[str, Any]]


def final(operation: Operation) -> dict[str, Any]:
    """The outcome of an operation on which slta and the proxy agree."""
    [(kind, body)] = operation.items()
    outcome = "same" if kind == "report" else "completed"
    return {"status": 200, "body": {"session_id": body["session_id"], "pool_id": "p", "outcome": outcome}}


def problem(status: int, code: str) -> dict[str, Any]:
    return {"status": status, "body": {"code": code, "detail": f"about {code}"}}


@dataclass
class StandIn:
    """Answers calls with what is in `answers`, then with final outcomes; `calls` has the operations of each."""

    url: str = ""
    answers: deque[Any] = field(default_factory=deque)
    """A list of outcomes, or (status, problem code, headers) for the whole call."""
    calls: list[list[Operation]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def operate(self, request: web.Request) -> web.Response:
        operations = (await request.json())["operations"]
        self.calls.append(operations)
        self.keys.append(request.headers.get("Authorization"))
        self.arrived.set()
        answer = self.answers.popleft() if self.answers else [final(operation) for operation in operations]
        if isinstance(answer, tuple):
            status, code, headers = answer
            return web.json_response({"code": code, "detail": f"about {code}"}, status=status, headers=headers)
        return web.json_response({"outcomes": answer})

    @property
    def ids(self) -> list[list[tuple[str, str]]]:
        """Kind and session id of the operations of each call."""
        return [[(kind, body["session_id"]) for one in call for kind, body in one.items()] for call in self.calls]


@asynccontextmanager
async def standing_in(answers: Sequence[Any] = ()) -> AsyncIterator[StandIn]:
    """On a free port, for the fleet `f`."""
    service = StandIn(answers=deque(answers))
    app = web.Application(client_max_size=2**20)
    app.router.add_post("/v1/fleets/f/operations", service.operate)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    await runner.cleanup()
