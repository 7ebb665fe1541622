"""slta or its store killed or stopped: what new clients get meanwhile, and what slta knows afterwards."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import NamedTuple

import aiohttp

from lab.proxies.connections import until_empty
from lab.proxies.load import at_rate, counts, milliseconds
from testbed.proxies.clients import browser, url
from testbed.proxies.system import System
from testbed.scene import OUTAGES

RATE = 100.0
OUTAGE_SECONDS, BEFORE_SECONDS, AFTER_SECONDS = 60, 10, 15
SHORT_SECONDS = 0.3
LIVING_THROUGH = 20
"""One of so many sessions lives until after the outage."""
ALLOWED_SECONDS = 0.3
KNOWN_SECONDS = 10


class Session(NamedTuple):
    """One client: when it began, its status and time to the first byte in seconds, and the id that its pool got."""

    began: float
    status: int
    first_byte: float
    id: str
    lives_through: bool


async def run(name: str, system: System, scale: float = 1.0) -> bool:
    """An outage; whether all was as it should be."""
    seconds = OUTAGE_SECONDS * scale
    sessions: list[Session] = []
    whole = BEFORE_SECONDS + seconds + AFTER_SECONDS

    async def client(number: int) -> None:
        lives_through = number % LIVING_THROUGH == 0
        hold = whole + KNOWN_SECONDS - number / RATE if lives_through else SHORT_SECONDS
        await _session(system, hold, sessions, lives_through=lives_through)

    before = system.followed()
    load = asyncio.create_task(at_rate(RATE, int(whole * RATE), client))
    await asyncio.sleep(BEFORE_SECONDS)
    begin = time.monotonic()
    await asyncio.to_thread(OUTAGES[name].begin, system)
    await asyncio.sleep(seconds)
    end = time.monotonic()
    await asyncio.to_thread(OUTAGES[name].end, system)
    returned = time.monotonic()
    inside = [session for session in sessions if begin <= session.began < end]
    known = await _known_after(system, [session.id for session in inside if session.lives_through])
    print(f"    {known}; slta took {returned - end:.1f} s to come back; then {await counts(system)}")
    await load
    empty = await until_empty(system)
    return _report(sessions, begin, end, empty, _since(before, system.followed()))


async def _session(system: System, hold: float, sessions: list[Session], *, lives_through: bool) -> None:
    began = time.monotonic()
    try:
        async with browser() as client, client.get(url(system, f"/play?seconds={hold}&size=100")) as answer:
            first_byte = time.monotonic() - began
            sessions.append(
                Session(began, answer.status, first_byte, answer.headers.get("x-session", ""), lives_through)
            )
            await answer.read()
    except aiohttp.ClientError:
        sessions.append(Session(began, 0, time.monotonic() - began, "", lives_through))


async def _known_after(system: System, ids: list[str]) -> str:
    """When slta knew all sessions that began in the outage and still live."""
    began = time.monotonic()
    missing = ids
    while missing and time.monotonic() - began < KNOWN_SECONDS:
        missing = [one for one in missing if await asyncio.to_thread(system.find, one) is None]
        await asyncio.sleep(0.1)
    return f"of {len(ids)} sessions that live through it {len(missing)} unknown after {time.monotonic() - began:.1f} s"


def _since(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Counts of the follower meanwhile."""
    return {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}


def _report(sessions: list[Session], begin: float, end: float, empty: float | None, followed: dict[str, float]) -> bool:
    """Print both parts; whether nobody was refused or kept waiting."""
    outside = [session for session in sessions if not begin <= session.began < end]
    inside = [session for session in sessions if begin <= session.began < end]
    for part, some in (("before and after", outside), ("in the outage", inside)):
        statuses = dict(Counter(session.status for session in some))
        print(f"    {part}: {statuses}, first byte {milliseconds([session.first_byte for session in some])}")
    usual = sorted(session.first_byte for session in outside)[len(outside) // 2]
    later = max(session.first_byte for session in inside) - usual
    late = [sum(session.first_byte - usual > ALLOWED_SECONDS for session in some) for some in (outside, inside)]
    print(f"    later than {ALLOWED_SECONDS} s: {late[0]} before and after, {late[1]} in the outage")
    print(f"    first byte at most {later * 1e3:.0f} ms later; 0 and 0 {empty} s after the end; follower: {followed}")
    return {session.status for session in sessions} == {200} and later <= ALLOWED_SECONDS and empty is not None
