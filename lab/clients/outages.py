"""Outages: slta killed or stopped, or its store stopped; what the clients got, and what slta knew afterwards."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from lab.campaign import findings
from lab.campaign.findings import Lag, Look, Outage, Session
from lab.campaign.row import Record, Row, Run
from lab.clients.system import FLEETS, POOLS, System
from lab.faults import independent_audit
from testbed.scene import OUTAGES

MAX_SECONDS = 1.2
"""Limit of a placement."""
MAX_OPEN_SECONDS = 0.1
"""Limit of a placement that began while the circuit breaker was open."""
KNOWN_SECONDS = 10.0
"""After its return, slta knows each session."""
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class ClientRow(Row[System]):
    """An outage, with client processes that place by their fallback meanwhile. The modes are kinds of fleet."""

    title: str
    outage: str
    modes: Sequence[str] = tuple(FLEETS)
    usual: Sequence[str] = ("similar",)

    def scene(self, run: Run) -> AbstractAsyncContextManager[System]:
        return System(run.folder, run.variant, run.size)

    def load(self, scene: System, run: Run) -> AbstractAsyncContextManager[object]:
        del run
        return scene.clients()

    async def fault(self, scene: System, run: Run) -> tuple[Outage, list[str]]:
        """The outage, and the audit of the store after it."""
        print(f"  resource and capacity {scene.classes}, {POOLS} pools each", flush=True)
        await asyncio.sleep(scene.size.warm_up)
        begin = time.monotonic()
        await asyncio.to_thread(OUTAGES[self.outage].begin, scene)
        await asyncio.sleep(scene.size.seconds)
        await asyncio.to_thread(OUTAGES[self.outage].end, scene)
        back, looks = time.monotonic(), []
        while time.monotonic() < back + KNOWN_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            looks.append(await asyncio.to_thread(_look, scene))
        audit = await asyncio.to_thread(independent_audit.audit, scene.store)
        await asyncio.sleep(max(0.0, scene.size.after - KNOWN_SECONDS))
        return Outage(run.name, begin, back, looks), audit

    async def judge(self, scene: System, run: Run, seen: tuple[Outage, list[str]]) -> Record:
        del run
        outage, audit = seen
        sessions, lags = scene.lines()
        whole = await asyncio.to_thread(_whole, scene, sessions)
        return {"wrong": [*(f"audit: {found}" for found in audit), *_judge(scene, outage, sessions, lags), *whole]}


ROWS: Mapping[str, ClientRow] = {
    "killed": ClientRow("slta is killed, and started after 60 s", "killed"),
    "stopped": ClientRow("slta stands still for 60 s", "stopped"),
    "store": ClientRow("its store stands still for 60 s", "store"),
}


def _look(system: System) -> Look:
    before = time.monotonic()
    pools = independent_audit.sessions(system.store)
    return Look(before, time.monotonic(), pools)


def _judge(system: System, outage: Outage, sessions: Sequence[Session], lags: Sequence[Lag]) -> list[str]:
    """Print the figures of an outage; what was not as it should be."""
    inside = [session for session in sessions if outage.begin <= session.began < outage.back]
    in_open = [session.seconds for session in inside if session.open]
    refused = Counter(session.code for session in inside if session.code)
    found = findings.spread([s for s in inside if s.by == "fallback"], len(system.pool_ids))
    unknown = findings.unknown(outage.looks[-1], sessions)
    not_ended = findings.not_ended(outage.looks[-1], sessions)
    known = findings.all_known_after(outage, sessions)
    longest, longest_open = max(session.seconds for session in inside), max(in_open, default=0.0)
    lag = max((lag.lag for lag in lags if outage.begin <= lag.at < outage.back), default=0.0)
    print(f"  {outage.name}: {len(inside)} sessions, {found.sessions} placed by the fallback; refused: {dict(refused)}")
    print(
        f"    greatest delay {longest:.3f} s, {longest_open:.3f} s of the {len(in_open)} while the breaker was open;"
        f" event loops up to {lag:.3f} s late"
    )
    print(f"    most on one pool {found.most} (limit {found.limit:.1f}); by class {found.by_class}")
    print(
        f"    {KNOWN_SECONDS:g} s after the return: {len(unknown)} unknown, {len(not_ended)} ended and still there;"
        f" all known after {known if known is None else round(known, 1)} s",
        flush=True,
    )
    checks = {
        "sessions were refused": bool(refused),
        f"a placement took more than {MAX_SECONDS} s": longest > MAX_SECONDS,
        f"a placement with an open breaker took more than {MAX_OPEN_SECONDS} s": longest_open > MAX_OPEN_SECONDS,
        "a pool got too many sessions": found.most > found.limit,
        "sessions are unknown": bool(unknown) or known is None,
        "ended sessions are still there": bool(not_ended),
        "the fallback placed nothing": not found.sessions,
    }
    return [sentence for sentence, is_so in checks.items() if is_so]


def _whole(system: System, sessions: Sequence[Session]) -> list[str]:
    """Print the figures of all sessions after their ends; what was not as it should be."""
    left, lost = independent_audit.sessions(system.store), Counter(session.lost for session in sessions if session.lost)
    audit, counters = independent_audit.audit(system.store), system.call("GET", "/state")["counters"]
    by = Counter(session.by or session.code for session in sessions)
    usual = sorted(session.seconds for session in sessions if session.by == "slta")
    print(f"  whole run: {dict(by)}; lost: {dict(lost)}; left in slta: {len(left)}; audit: {audit or 'clean'}")
    print(f"    placed by slta within {usual[len(usual) // 2]:.4f} s (median), {usual[-1]:.3f} s (greatest)")
    print(f"    slta counted {counters['assigned']} assigned, {counters['completed']} completed", flush=True)
    checks = {"sessions were lost": bool(lost), "sessions are left": bool(left), f"audit: {audit}": bool(audit)}
    return [sentence for sentence, is_so in checks.items() if is_so]
