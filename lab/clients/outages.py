"""Outages: slta killed or stopped, or its store stopped; what the clients got, and what slta knew afterwards."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from lab.clients import findings
from lab.clients.findings import KNOWN_SECONDS, MAX_OPEN_SECONDS, MAX_SECONDS, Lag, Look, Outage, Session
from lab.clients.system import System
from lab.faults import independent_audit

WARM_UP_SECONDS = 80.0
"""Every client has read the endpoints of the loaded fleet by then."""
AFTER_SECONDS = 30.0
LOOK_SECONDS = 0.5


class Fault(NamedTuple):
    """How an outage begins and ends."""

    begin: Callable[[System], object]
    end: Callable[[System], object]


FAULTS: Mapping[str, Fault] = {
    "killed": Fault(lambda system: system.service.kill(), lambda system: system.service.start()),
    "stopped": Fault(
        lambda system: system.service.signal(signal.SIGSTOP), lambda system: system.service.signal(signal.SIGCONT)
    ),
    "store": Fault(lambda system: system.store.freeze(), lambda system: system.store.thaw()),
}


def run(
    system: System,
    faults: Sequence[str],
    seconds: float,
    warm_up: float = WARM_UP_SECONDS,
    after: float = AFTER_SECONDS,
) -> list[str]:
    """One outage of each kind under the same load; what was not as it should be, in sentences."""
    time.sleep(warm_up)
    outages, wrong = [], list[str]()
    for name in faults:
        print(f"  {name} for {seconds:g} s …", flush=True)
        outages.append(_outage(system, name, seconds))
        wrong += [f"{name}: audit: {found}" for found in independent_audit.audit(system.store)]
        time.sleep(max(0.0, after - KNOWN_SECONDS))
    system.stop_clients()
    sessions, lags = system.lines()
    for outage in outages:
        wrong += _judge(system, outage, sessions, lags)
    return [*wrong, *_whole(system, sessions)]


def _outage(system: System, name: str, seconds: float) -> Outage:
    begin = time.monotonic()
    FAULTS[name].begin(system)
    time.sleep(seconds)
    FAULTS[name].end(system)
    back = time.monotonic()
    looks = []
    while time.monotonic() < back + KNOWN_SECONDS:
        time.sleep(LOOK_SECONDS)
        looks.append(_look(system))
    return Outage(name, begin, back, looks)


def _look(system: System) -> Look:
    before = time.monotonic()
    pools = independent_audit.sessions(system.store)
    return Look(before, time.monotonic(), pools)


def _judge(system: System, outage: Outage, sessions: Sequence[Session], lags: Sequence[Lag]) -> list[str]:
    """Print the figures of an outage; what was not as it should be."""
    inside = [session for session in sessions if outage.begin <= session.began < outage.back]
    in_open = [session.seconds for session in inside if session.open]
    refused = Counter(session.code for session in inside if session.code)
    found = findings.spread([s for s in inside if s.by == "fallback"], len(system.fleet.pool_ids))
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
    return [f"{outage.name}: {sentence}" for sentence, is_so in checks.items() if is_so]


def _whole(system: System, sessions: Sequence[Session]) -> list[str]:
    """Print the figures of all sessions after their ends; what was not as it should be."""
    left, lost = independent_audit.sessions(system.store), Counter(session.lost for session in sessions if session.lost)
    audit, counters = independent_audit.audit(system.store), system.state()["counters"]
    by = Counter(session.by or session.code for session in sessions)
    usual = sorted(session.seconds for session in sessions if session.by == "slta")
    print(f"  whole run: {dict(by)}; lost: {dict(lost)}; left in slta: {len(left)}; audit: {audit or 'clean'}")
    print(f"    placed by slta within {usual[len(usual) // 2]:.4f} s (median), {usual[-1]:.3f} s (greatest)")
    print(f"    slta counted {counters['assigned']} assigned, {counters['completed']} completed", flush=True)
    checks = {"sessions were lost": bool(lost), "sessions are left": bool(left), f"audit: {audit}": bool(audit)}
    return [sentence for sentence, is_so in checks.items() if is_so]
