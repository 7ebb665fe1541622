"""Engine of a client: drives its placements and its loop of leases in one event loop, and sends what they ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf

from slta_client.calls import Calls
from slta_client.connections import Connections
from slta_client.copy_file import save
from slta_client.errors import RefusedError
from slta_client.options import Options, State, Wanted
from slta_client.placing import place
from slta_client.replies import NO_REPLY, Reply
from slta_client.session import Session
from slta_client.steps import Lost, Save, Send, Step, Steps, T
from slta_client.waiting import is_set_within

_Send = Callable[[Send], Awaitable[Reply]]
_Pause = Callable[[float], Awaitable[None]]


class Engine:
    """Engine. Everything but its making happens in one event loop. Calls of the loop of leases wait for no others."""

    def __init__(self, options: Options, state: State) -> None:
        self.state = state
        self._connections = Connections(options.url, options.key, verify=options.verify)
        self._calls = Calls(self._connections.send)
        self._changed = asyncio.Event()
        self._ids: set[str] = set()
        """Of sessions in a block, or on their way into one."""

    async def run(self) -> None:
        """Renew and end sessions until the client is closed."""
        try:
            await self._drive(self.state.keep(), self._connections.send, self._until_changed)
        finally:
            await self._connections.http.close()

    async def place(self, wanted: Wanted) -> Session:
        """Place a session; RefusedError if its id is in another block. If cancelled, what may be placed is ended."""
        session_id, leases = wanted.session_id, self.state.leases
        if session_id in self._ids:
            text = "the id is in another block of this client"
            raise RefusedError("session_in_use", text, fleet=wanted.fleets[0], session_id=session_id)
        self._ids.add(session_id)
        leases.placing += 1
        session = None
        try:
            session = await self._drive(place(self.state, wanted), self._calls.send, asyncio.sleep)
            return session
        finally:
            leases.placing -= 1
            if session is None:
                self._ids.discard(session_id)
            self._changed.set()

    def end(self, session: Session) -> None:
        """Queue the end of a session."""
        self._ids.discard(session.id)
        self.state.leases.end(session)
        self._changed.set()

    def close(self, seconds: float) -> None:
        """End all sessions; `run` returns when slta has confirmed each end, at most so many seconds later."""
        self.state.leases.close(self.state.clock() + seconds)
        self._changed.set()

    async def _drive(self, steps: Steps[T], send: _Send, pause: _Pause) -> T:
        """Drive a loop. If it is cancelled, a placement queues the end of what may have been placed."""
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._do(step, send, pause))
        except StopIteration as done:
            value: T = done.value
            return value
        finally:
            steps.close()

    async def _do(self, step: Step, send: _Send, pause: _Pause) -> Reply:
        if isinstance(step, Send):
            return await send(step)
        if isinstance(step, Lost):
            step.session.tell()
        elif isinstance(step, Save):
            await asyncio.to_thread(save, step.path, step.copies)
        else:
            await pause(step.seconds)
        return NO_REPLY

    async def _until_changed(self, seconds: float) -> None:
        """Until a session begins or ends, at most so long."""
        await is_set_within(self._changed, None if seconds == inf else seconds)
        self._changed.clear()
