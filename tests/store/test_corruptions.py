"""Each planted corruption is noticed by the audit and mended by a repair; docs/results/corruptions.md is the table.

`python -m tests.store.test_corruptions --write` writes the page.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from redis import Redis

from service import errors
from service.audit import audit_all, mend
from service.fleet_file import Specs, parse_document
from service.fleet_file.applying import apply_fleet
from service.store import Store, StoreSettings
from service.values import Findings
from tests.audit import violations
from tests.in_process import TINY
from tests.servers import SERVERS, TextRedis, running_server
from tests.store.conftest import Calls, Clock
from tests.store.corruptions import CORRUPTIONS
from tests.store.fleets import FLEET, pass_seconds, place

PAGE = Path(__file__).resolve().parents[2] / "docs/results/corruptions.md"
HEAD = """\
# Planted corruptions

Each line is one kind of damage, done to the keys of a sound fleet on a real server: 6 pools of two classes under SLTA,
one of them draining, sessions with leases. `slta audit` then looked; `slta audit --repair` mended and looked again. The
page is written by `tests/store/test_corruptions.py`, which plants all of it anew and compares.

*Noticed* is the first finding, at the next audit: each dispatcher does one when it starts and one an hour. *A call*
says what a client hears of an assign and a complete right after the damage, before any audit: nothing in most lines,
which is why there is an audit. *Left* is what no record tells any more.

| planted | noticed | a call | left |
|---|---|---|---|
"""
LEFT = {
    "an unreadable record": "the session, set aside in `{fleet}:aside`",
    "a record whose level and token nobody can read": "the level and the token of the session",
    "a record deleted": "the session",
    "a record of nobody": "a session more, until its client or its pool ends it",
    "a record of a pool that is not there": "a draining pool of that name",
    "the document cut": "the document: `PUT` the configuration, then repair again",
    "all records of pools deleted": "whether a pool without bits was draining or failed: it is draining",
    "a session that is also ended": "the session is live",
    "the state lost": "counters begin anew",
    "the state unreadable": "counters begin anew",
    "the state of another type": "counters begin anew",
    "a history that is none": "the averages of the last minute",
    "an event that nobody can read": "the event",
    "the events of another type": "the events",
    "a stray key": "its name and type, set aside in `{fleet}:aside`",
    "all cold numbers lost": "refusals, failed and adopted sessions count from 0",
}
UNMENDED = {"the document cut"}
"""What a repair alone does not mend."""


class Seen(NamedTuple):
    """One corruption, and what became of it."""

    found: list[Findings]
    heard: str
    left: list[Findings]
    witness: list[str]
    lost: set[str]
    pools: set[str]
    """Pools that came, went, or have another status than before."""


class Bench:
    """A sound fleet that can be put back."""

    def __init__(self, store: Store, redis: TextRedis) -> None:
        self._store = store
        self._redis = redis
        self._specs = Specs()
        self._saved: dict[str, bytes] = {}

    async def build(self, clock: Clock) -> None:
        classes = [one | {"pools": 3} for one in TINY["classes"]]
        body = json.dumps(TINY | {"classes": classes, "lease_seconds": 300})
        await apply_fleet(self._store, self._specs, FLEET, parse_document(body))
        await place(self._store, 12)
        await pass_seconds(self._store, clock, 6)
        await self._store.pools.set_status(FLEET, "large-3", "draining")
        await self._store.sessions.complete(FLEET, "s11")
        self._saved = {name: self._redis.dump(name) for name in self._redis.keys("*")}

    def put_back(self) -> None:
        self._redis.flushall()
        for name, value in self._saved.items():
            self._redis.restore(name, 0, value)

    async def _call(self) -> str:
        """What a client hears of an assign and its complete."""
        try:
            await self._store.sessions.assign(FLEET, "client", None)
            await self._store.sessions.complete(FLEET, "client")
        except errors.DispatchError as error:
            return f"`{error.code}`"
        return "nothing"

    async def see(self, name: str) -> Seen:
        self.put_back()
        CORRUPTIONS[name](self._redis)
        heard = await self._call()
        self.put_back()
        before, pools = set(self._redis.hkeys(f"{{{FLEET}}}:sessions")), self._statuses()
        CORRUPTIONS[name](self._redis)
        found = await audit_all(self._store, self._specs)
        for one in found:
            await mend(self._store, self._specs, one)
        left = await audit_all(self._store, self._specs)
        lost = before - set(self._redis.hkeys(f"{{{FLEET}}}:sessions"))
        changed = {pool_id for pool_id, _ in pools ^ self._statuses()}
        return Seen(found, heard, left, violations(self._redis, FLEET), lost, changed)

    def _statuses(self) -> set[tuple[str, str]]:
        """Pools and their statuses."""
        return {(id_, record.split()[1]) for id_, record in self._redis.hgetall(f"{{{FLEET}}}:pools").items()}


async def see_all() -> dict[str, Seen]:
    clock = Clock()
    with (
        running_server(SERVERS["embedded"]) as url,
        Redis.from_url(url, encoding="latin-1", decode_responses=True) as redis,
    ):
        settings = StoreSettings(url, call_timeout_seconds=30, deadline_seconds=2)
        store = Store(settings, Calls(), draw=lambda: 0.5, clock=clock)
        bench = Bench(store, redis)
        await bench.build(clock)
        seen = {name: await bench.see(name) for name in CORRUPTIONS}
        await store.close()
    return seen


def page(seen: dict[str, Seen]) -> str:
    return HEAD + "".join(
        f"| {name} | {_first(one.found)} | {one.heard} | {LEFT.get(name, 'nothing')} |\n" for name, one in seen.items()
    )


def _first(found: list[Findings]) -> str:
    sentence = next(sentence for one in found for sentence in one.sentences)
    return f"`{sentence}`".replace("|", "\\|")


@pytest.fixture(scope="module")
def seen() -> dict[str, Seen]:
    return asyncio.run(see_all())


def test_there_are_at_least_fifty() -> None:
    assert len(CORRUPTIONS) >= 50


@pytest.mark.timeout(600)
def test_each_is_noticed(seen: dict[str, Seen]) -> None:
    assert [name for name, one in seen.items() if not any(found.total for found in one.found)] == []


@pytest.mark.timeout(600)
def test_each_is_mended_but_for_what_the_table_says(seen: dict[str, Seen]) -> None:
    left = {name: [s for found in one.left for s in found.sentences] for name, one in seen.items()}
    assert {name: sentences for name, sentences in left.items() if sentences and name not in UNMENDED} == {}
    assert {name: one.witness for name, one in seen.items() if one.witness and name not in UNMENDED} == {}


@pytest.mark.timeout(600)
def test_no_other_session_is_lost(seen: dict[str, Seen]) -> None:
    lost = {name: one.lost for name, one in seen.items() if one.lost}
    assert lost == {"an unreadable record": {"s0"}, "a record deleted": {"s0"}}


@pytest.mark.timeout(600)
def test_every_pool_has_its_status_again(seen: dict[str, Seen]) -> None:
    changed = {name: one.pools for name, one in seen.items() if one.pools}
    assert changed == {"a record of a pool that is not there": {"nowhere"}}


@pytest.mark.timeout(600)
def test_the_page_says_so(seen: dict[str, Seen]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(seen)


if __name__ == "__main__" and "--write" in sys.argv:
    PAGE.write_text(page(asyncio.run(see_all())), encoding="utf-8")
