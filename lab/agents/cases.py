"""The cases: what is killed, stopped or cut, what is awaited, and what has to follow."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from lab.agents.system import FLEET, System
from lab.campaign import findings
from lab.campaign.row import Record, Row, Run
from lab.faults import independent_audit

MAX_SHOWN = 5
"""Sessions that should live, and were ended."""
SLACK_SECONDS = 1.0
"""Allowance for the delays of the campaign itself: looks, and calls that are under way."""
LATEST = 1.25
LATEST_SECONDS = 2.5
"""A pool is lost no later than `LATEST` leases and so many seconds after its last heartbeat."""


@dataclass
class Case:
    """A case under way. `wrong` has what was not as it should be, in sentences."""

    system: System
    name: str
    begin: float = field(default_factory=time.monotonic)
    wrong: list[str] = field(default_factory=list)

    @property
    def latest_loss_seconds(self) -> float:
        return LATEST * self.system.size.ttl + LATEST_SECONDS

    def say(self, text: str) -> None:
        print(f"  {self.name}: {text}", flush=True)

    def expect(self, sentence: str, *, holds: bool) -> None:
        """Note the sentence unless it holds."""
        if not holds:
            self.wrong.append(f"not so: {sentence}")

    def kill(self, share: float) -> list[str]:
        """Kill a part of the hosts at once."""
        chosen = random.Random(self.name).sample(sorted(self.system.hosts), round(share * len(self.system.hosts)))
        self.system.kill(chosen)
        return chosen

    def until(self, pools: Sequence[str], liveness: Sequence[str], seconds: float) -> float:
        """Seconds until all of these pools have one of these; a sentence if they have not within the time."""
        took = self.system.until(lambda now: all(now.get(pool) in liveness for pool in pools), seconds)
        self.expect(f"{len(pools)} pools {liveness[0]} within {seconds:.1f} s", holds=took < seconds)
        return took

    def expect_dead_sessions_to_end(self, seconds: float) -> None:
        """Sessions of dead pools end once the pools are gone."""
        began = time.monotonic()
        while (left := self._held()) and time.monotonic() < began + seconds:
            time.sleep(0.2)
        self.say(f"sessions of dead pools: {left} left {time.monotonic() - began:.1f} s after they were gone")
        self.expect("no session is left on a pool that is gone", holds=not left)

    def _held(self) -> int:
        return findings.held(independent_audit.sessions(self.system.store, FLEET), self.system.dead)

    def finish(self) -> None:
        """Checks of every case."""
        now, dead = time.monotonic(), self.system.dead
        store = independent_audit.sessions(self.system.store, FLEET)
        time.sleep(findings.UNDER_WAY_SECONDS)
        sessions = self.system.sessions()
        ended = findings.ended_by_slta(sessions, store, now, dead)
        cut = findings.cut_without_death(sessions, dead)
        refused = findings.refused(sessions, self.begin, now)
        count = sum(self.begin <= session.began < now for session in sessions)
        longest = max((session.seconds for session in sessions if self.begin <= session.began), default=0.0)
        audit = independent_audit.audit(self.system.store, FLEET)
        self.say(
            f"{count} sessions placed, refused {dict(refused)}, longest {longest:.2f} s; {len(store)} live; "
            f"of living pools {len(ended)} ended by slta, {len(cut)} cut; audit {audit or 'clean'}"
        )
        if refused:
            at = [session.began - self.begin for session in sessions if session.code and session.began >= self.begin]
            self.say(f"refusals {min(at):.1f} to {max(at):.1f} s after the begin")
        counters = self.system.call("GET", "/state")["counters"]
        self.say(f"since the start lists ended {counters['reported_ended']} sessions and adopted {counters['adopted']}")
        for session in [*ended, *cut][:MAX_SHOWN]:
            self.say(f"{session}, at slta on {self.system.find(session.id)}")
        self.expect("no session of a living pool was ended", holds=not ended)
        self.expect("every session reached its living pool, and kept it", holds=not cut)
        self.expect("assigns went on", holds=not refused)
        self.expect("the audit is clean", holds=not audit)


def quarter_killed(case: Case) -> None:
    """A quarter dies at once: no guard; lost, then gone."""
    dead = case.kill(0.25)
    case.until(dead, ["lost", "gone"], case.latest_loss_seconds + SLACK_SECONDS)
    _say_losses(case, dead)
    _until_gone(case, dead)
    states = {change.liveness for change in case.system.watch.changes if change.at >= case.begin}
    case.expect("the guard stayed off", holds="unconfirmed" not in states)


def two_fifths_killed(case: Case) -> None:
    """40 % die at once: the guard begins, and the operator ends it."""
    system, dead = case.system, case.kill(0.4)
    case.until(dead, ["unconfirmed"], case.latest_loss_seconds + SLACK_SECONDS)
    at = time.monotonic()
    case.say(f"all {len(dead)} unconfirmed {at - case.begin:.1f} s after the kill")
    time.sleep(max(2 * system.size.ttl, system.size.gone) + LATEST_SECONDS)
    on_dead = findings.placed_on(case.system.sessions(), case.system.dead, at)
    later = findings.placed_on(case.system.sessions(), system.hosts, at)
    case.say(f"with the guard: {len(on_dead)} of {len(later)} sessions on unconfirmed pools, {_counts(system)}")
    case.expect("confirmed pools are preferred", holds=not on_dead)
    case.expect("the guard keeps pools from being lost", holds=all(system.watch.now[p] == "unconfirmed" for p in dead))
    system.call("POST", "/pools/guard", {"action": "end"})
    took = case.until(dead, ["lost", "gone"], LATEST_SECONDS + SLACK_SECONDS)
    case.say(f"lost {took:.1f} s after the operator ended the guard")
    _until_gone(case, dead)


def half_stopped(case: Case) -> None:
    """Half of the hosts stand still for a time."""
    chosen = random.Random(2).sample(sorted(case.system.hosts), len(case.system.hosts) // 2)
    for pool_id in chosen:
        case.system.hosts[pool_id].signal(signal.SIGSTOP)
    time.sleep(case.system.size.outage)
    case.say(f"after {case.system.size.outage:g} s {_counts(case.system)}")
    states = {case.system.watch.now[pool_id] for pool_id in chosen}
    case.expect("all stopped pools are unconfirmed", holds=states == {"unconfirmed"})
    for pool_id in chosen:
        case.system.hosts[pool_id].signal(signal.SIGCONT)
    _back(case)


def all_cut(case: Case) -> None:
    """No agent reaches slta for a time."""
    case.system.relay.freeze()
    time.sleep(case.system.size.outage)
    case.say(f"after {case.system.size.outage:g} s {_counts(case.system)}")
    case.expect("all pools are unconfirmed", holds=set(case.system.watch.now.values()) == {"unconfirmed"})
    case.system.relay.thaw()
    _back(case)


def all_cut_and_quarter_killed(case: Case) -> None:
    """The same, and a quarter dies meanwhile: lost within three leases after the cut, without an operator."""
    case.system.relay.freeze()
    time.sleep(case.system.size.outage / 3)
    dead = case.kill(0.25)
    time.sleep(case.system.size.outage * 2 / 3)
    case.say(f"after {case.system.size.outage:g} s {_counts(case.system)}")
    case.system.relay.thaw()
    took = case.until(dead, ["lost", "gone"], 3 * case.system.size.ttl + SLACK_SECONDS)
    case.say(f"the {len(dead)} dead ones lost {took:.1f} s after the cut; {_counts(case.system)}")
    living = [pool for pool in case.system.hosts if pool not in case.system.dead]
    case.until(living, ["alive"], 2 * case.system.size.ttl)
    _until_gone(case, dead)


@dataclass(frozen=True)
class AgentRow(Row[System]):
    """A case, with agents beside pools that are killed, stopped or cut off."""

    title: str
    case: Callable[[Case], None]
    modes: Sequence[str] = ("async",)

    def scene(self, run: Run) -> AbstractAsyncContextManager[System]:
        return System(run.folder, run.size)

    def load(self, scene: System, run: Run) -> AbstractAsyncContextManager[object]:
        del run
        return scene.load()

    async def fault(self, scene: System, run: Run) -> list[str]:
        """The case's sentences: what is not as it should be can be seen only while the sessions live."""
        await asyncio.sleep(scene.size.warm_up)
        case = Case(scene, run.name)
        await asyncio.to_thread(self.case, case)
        await asyncio.to_thread(case.finish)
        return case.wrong

    async def judge(self, scene: System, run: Run, seen: list[str]) -> Record:
        del scene, run
        return {"wrong": seen}


ROWS: Mapping[str, AgentRow] = {
    "quarter-killed": AgentRow("a quarter of the hosts is killed at once", quarter_killed),
    "two-fifths-killed": AgentRow("40 % of the hosts are killed at once", two_fifths_killed),
    "half-stopped": AgentRow("half of the hosts stand still for 30 s", half_stopped),
    "all-cut": AgentRow("no agent reaches slta for 30 s", all_cut),
    "all-cut-and-quarter-killed": AgentRow(
        "… and a quarter of the hosts is killed meanwhile", all_cut_and_quarter_killed
    ),
}


def _back(case: Case) -> None:
    took = case.until(sorted(case.system.hosts), ["alive"], 2 * case.system.size.ttl)
    case.say(f"all alive {took:.1f} s after the end of it")


def _say_losses(case: Case, dead: Sequence[str]) -> None:
    lost = [at - case.begin for at in case.system.watch.since(case.begin, dead, "lost").values()]
    last = findings.placed_on(case.system.sessions(), case.system.dead, case.begin)
    seconds = last[-1] - case.begin if last else 0.0
    case.say(
        f"{len(dead)} dead pools lost {min(lost, default=0):.1f} to {max(lost, default=0):.1f} s after the kill, "
        f"{len(last)} sessions placed on them, the last after {seconds:.1f} s (bound {case.latest_loss_seconds:g} s)"
    )
    case.expect("no session on a dead pool after its latest loss", holds=seconds <= case.latest_loss_seconds)


def _until_gone(case: Case, dead: Sequence[str]) -> None:
    begun, bound = time.monotonic(), case.system.size.gone + LATEST_SECONDS + SLACK_SECONDS
    case.until(dead, ["gone"], bound)
    case.say(f"gone {time.monotonic() - begun:.1f} s after they were lost (gone_seconds {case.system.size.gone})")
    case.expect_dead_sessions_to_end(LATEST_SECONDS + SLACK_SECONDS)


def _counts(system: System) -> dict[str, int]:
    now = list(system.watch.now.values())
    return {liveness: now.count(liveness) for liveness in sorted(set(now))}
