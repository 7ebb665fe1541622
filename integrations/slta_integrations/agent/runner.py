"""Event loop of the agent: makes the calls and runs the probes that the state machine asks for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from math import inf

from slta_client.timer import is_set_within
from slta_integrations.agent.calls import Call
from slta_integrations.agent.presence_file import PresenceFile
from slta_integrations.agent.probing import Probe
from slta_integrations.agent.sources import ask
from slta_integrations.agent.state_machine import Agent
from slta_integrations.client import Client


class Runner:
    """One task calls slta, another one runs probes."""

    def __init__(
        self, agent: Agent, client: Client, presence_file: PresenceFile, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` returns seconds."""
        self._agent = agent
        self._client = client
        self._presence_file = presence_file
        self._clock = clock
        self._for_calls = asyncio.Event()
        self._for_probes = asyncio.Event()

    def leave(self) -> None:
        """Drain and remove the pools; `run` returns when all are gone, or their time is over."""
        self._agent.leave(self._clock())
        self._for_calls.set()

    async def run(self) -> None:
        """Run until the pools have left. A probe that is under way then is cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                probing = group.create_task(self._probe())
                await self._call()
                probing.cancel()
        finally:
            self._presence_file.show(is_present=False)

    async def _call(self) -> None:
        while not self._agent.is_over(self._clock()):
            self._for_calls.clear()
            sent_at = self._clock()
            call = self._agent.next_call(sent_at)
            if isinstance(call, Call):
                reply = await self._client.call(call.method, call.path, call.body)
                self._agent.answered(call, reply, sent_at, self._clock())
                self._presence_file.show(is_present=self._agent.is_present)
                self._for_probes.set()
            else:
                await self._wait(self._for_calls, call)

    async def _probe(self) -> None:
        while True:
            self._for_probes.clear()
            probe = self._agent.probes.next(self._clock())
            if isinstance(probe, Probe):
                result = await ask(probe)
                self._agent.probes.apply(probe, result, self._clock())
                self._for_calls.set()
            else:
                await self._wait(self._for_probes, probe)

    async def _wait(self, changed: asyncio.Event, at: float) -> None:
        """Wait for a change, or until this time."""
        await is_set_within(changed, None if at == inf else max(at - self._clock(), 0.0))
