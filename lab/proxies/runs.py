"""Rows of the proxies. Each makes its own load, since what is measured are the clients; the modes are proxies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from lab.campaign.row import Record, Row, Run
from lab.proxies import connections, evaluation, first_byte, outages, rollout
from testbed.proxies.system import System
from testbed.proxies.table import PROXIES
from testbed.scene import OUTAGES

CAPACITY = 2000
INSTALLED = tuple(name for name, proxy in PROXIES.items() if proxy.program)


@dataclass(frozen=True)
class Size:
    """Size of a run."""

    scale: float = 1.0
    """0.1: a tenth of the connections and seconds."""


@dataclass(frozen=True)
class ProxyRow(Row[System]):
    """A run; `measure` returns whether all was as it should be. `patient`: a busy machine makes no proxy choose."""

    title: str
    measure: Callable[[System, float], Awaitable[bool]]
    patient: bool = False
    modes: Sequence[str] = INSTALLED

    def scene(self, run: Run) -> AbstractAsyncContextManager[System]:
        proxy = evaluation.with_second_log(PROXIES[run.variant])
        return System(proxy, run.folder, follow=True, capacity=CAPACITY, patient=self.patient)

    def load(self, scene: System, run: Run) -> AbstractAsyncContextManager[object]:
        del scene, run
        return nullcontext()

    async def fault(self, scene: System, run: Run) -> bool:
        return await self.measure(scene, run.size.scale)

    async def judge(self, scene: System, run: Run, seen: bool) -> Record:  # noqa: FBT001 - what `fault` has seen
        del scene, run
        return {"wrong": [] if seen else ["the figures above"]}


ROWS: Mapping[str, ProxyRow] = {
    "connections": ProxyRow("sessions in slta beside connections in the proxy", connections.run),
    **{
        f"outage-{name}": ProxyRow(f"slta or its store is away for a minute: {name}", partial(outages.run, name))
        for name in OUTAGES
    },
    "first-byte": ProxyRow("time to the first byte", first_byte.run),
    "evaluation": ProxyRow("placement gap in slta beside that in the log", evaluation.run),
    # Shares would be others if a busy machine made the proxy choose.
    "rollout": ProxyRow("differences at placing by share", rollout.run, patient=True),
}
