"""Faults of connections: cut, late and half-open ones between dispatchers and store, and a cut at every byte."""

from __future__ import annotations

import asyncio
import time
from random import Random

from lab.faults.load import Load
from lab.faults.system import System
from testbed.relay import CutError, Link, Relay, untouched

SECONDS = 10.0
CUT_EVERY_SECONDS = 0.15
SHARE_LATE = 0.1
LATE_SECONDS = (0.1, 3.0)
HALF_OPEN_EVERY_SECONDS = 0.3


async def cut(system: System) -> int:
    """Connections end at a random byte: how many did."""
    random, cuts, due = Random("cut"), 0, time.monotonic()

    async def rule(_: Link, data: bytes, __: bool) -> bytes:
        nonlocal cuts, due
        if time.monotonic() < due:
            return data
        due = time.monotonic() + CUT_EVERY_SECONDS
        cuts += 1
        raise CutError(data[: random.randrange(len(data) + 1)])

    await _while(system.relays[0], rule)
    return cuts


async def late(system: System) -> int:
    """Replies are held back: how many were."""
    random, held = Random("late"), 0

    async def rule(_: Link, data: bytes, from_client: bool) -> bytes:
        nonlocal held
        if not from_client and random.random() < SHARE_LATE:
            held += 1
            await asyncio.sleep(random.uniform(*LATE_SECONDS))
        return data

    await _while(system.relays[0], rule)
    return held


async def half_open(system: System) -> int:
    """Connections fall silent and stay open: how many did."""
    silent, due = 0, time.monotonic()

    async def rule(link: Link, data: bytes, __: bool) -> bytes:
        nonlocal silent, due
        if time.monotonic() >= due and "silent" not in link.notes:
            due = time.monotonic() + HALF_OPEN_EVERY_SECONDS
            link.notes["silent"] = True
            silent += 1
        return b"" if "silent" in link.notes else data

    await _while(system.relays[0], rule)
    return silent


async def _while(relay: Relay, rule: object) -> None:
    relay.rule = rule  # type: ignore[assignment]
    await asyncio.sleep(SECONDS)
    relay.rule = untouched


class AtByte:
    """A rule that cuts the one connection on which `mark` is said, after so many bytes of the request or the reply."""

    def __init__(self, mark: bytes, after: int, *, in_reply: bool) -> None:
        self.did_cut = False
        self._mark, self._after, self._in_reply = mark, after, in_reply

    async def __call__(self, link: Link, data: bytes, from_client: bool) -> bytes:
        if self.did_cut or not self._concerns(link, data, from_client):
            return data
        if from_client and self._in_reply:
            link.notes["asked"] = self._mark
            return data
        if self._after > len(data):
            return data
        self.did_cut = True
        raise CutError(data[: self._after])

    def _concerns(self, link: Link, data: bytes, from_client: bool) -> bool:
        return self._mark in data if from_client else link.notes.get("asked") == self._mark


async def cut_at_every_byte(system: System) -> int:
    """Every byte of an assign's request and reply, then of a complete's, between a dispatcher and the store: cuts."""
    return await _cut_at_every_byte(system.load, system.relays[0])


async def client_cut_at_every_byte(system: System) -> int:
    """The same between a client and its dispatcher."""
    return await _cut_at_every_byte(system.load, system.fronts[0])


async def _cut_at_every_byte(load: Load, relay: Relay) -> int:
    cuts = 0
    for in_reply in (False, True):
        after = 0
        while (done := await _cut_a_pair(load, relay, after, in_reply=in_reply)) or after == 0:
            cuts += done
            after += 1
    return cuts


async def _cut_a_pair(load: Load, relay: Relay, after: int, *, in_reply: bool) -> int:
    """One session whose assign and complete are cut: how many of the two were, for a cut beyond the end is none."""
    session = load.ledger.open(f"byte-{'reply' if in_reply else 'request'}-{after:04}")
    cuts = 0
    for call in (load.assign, load.complete):
        relay.rule = rule = AtByte(session.session_id.encode(), after, in_reply=in_reply)
        await call(session)
        cuts += rule.did_cut
    relay.rule = untouched
    return cuts
