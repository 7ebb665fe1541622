"""Each planted corruption is noticed by the audit and mended by a repair; docs/results/corruptions.md is the table.

`python -m tests.store.test_corruptions --write` writes the page.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from slta.audit import audit_all, mend, repair_suspect
from slta.fleet_file import Specs, parse_document
from slta.fleet_file.applying import apply_fleet
from slta.models import Drain, Findings, errors
from slta.models.heartbeats import Heartbeats
from slta.store import Store, StoreSettings
from slta.views.state import observe_state
from testbed.in_process import TINY
from testbed.servers import EMBEDDED, TextRedis
from testbed.stores import connect_as_text, running_store
from tests import rawstate
from tests.audit import violations
from tests.store.conftest import Calls, Clock
from tests.store.corruptions import CORRUPTIONS
from tests.store.fleets import FLEET, pass_seconds, place

PAGE = Path(__file__).resolve().parents[2] / "docs/results/corruptions.md"
HEAD = """\
# Planted corruptions

Each line is one kind of damage, done to the keys of a sound fleet on a real server: 6 pools of two classes under SLTA,
one of them draining until a deadline, two with leases, sessions with leases. `slta audit` then looked; `slta audit
--repair` mended and looked again. The page is written by `tests/store/test_corruptions.py`, which plants all of it anew
and compares.

*Noticed* is the first finding, at the next audit: each dispatcher does one when it starts and one an hour. *A call*
says what a client hears of an assign and a complete right after the damage, before any audit: nothing in most lines,
which is why there is an audit. *By itself* is what dispatchers do about it within three seconds of such calls and of
ticks, without being asked: they repair a fleet in which an operation or a tick met an error, or nothing. Neither of
them costs another session its record. *Left* is what no record tells any more after a repair.

| planted | noticed | a call | by itself | left |
|---|---|---|---|---|
"""
LEFT = {
    "an unreadable record": "the session, set aside in `{fleet}:aside`",
    "a record whose level and token nobody can read": "the level and the token of the session",
    "a record deleted": "when the session began, its lease, its level and its token",
    "a record of nobody": "a session more, until its client or its pool ends it",
    "a record of a pool that is not there": "a draining pool of that name",
    "the document cut": "the document: `PUT` the configuration, then repair again",
    "all records of pools deleted": "whether a pool without bits was draining or failed: it is draining",
    "a session that is also ended": "the session is live",
    "the state lost": "counters begin anew",
    "the state unreadable": "counters begin anew",
    "the state of another type": "counters begin anew",
    "a layout that is no number": "counters begin anew",
    "a history that is none": "the averages of the last minute",
    "an event that nobody can read": "the event",
    "the events of another type": "the events",
    "a set of ids of no pool": "the sessions' ids, set aside in `{fleet}:aside`",
    "the addresses deleted": "the addresses, until heartbeats bring them",
    "the labels deleted": "the labels, until heartbeats bring them",
    "a deadline deleted": "the deadline",
    "a deadline that nobody can read": "the deadline; the record is set aside in `{fleet}:aside`",
    "a deadline in 30 years": "the deadline; the record is set aside in `{fleet}:aside`",
    "a deadline without what follows": "what follows it: the sessions are kept",
    "a lease of a pool deleted": "how long it is: 60 s until the next heartbeat",
    "a stray key": "its name and type, set aside in `{fleet}:aside`",
    "all cold numbers lost": "refusals, failed and adopted sessions count from 0",
    "placements above the sessions assigned": "placements by token count from 0",
}
NUMBERS_HEAD = """
# Numbers of the packed state

Each number of the state of the same fleet, raised by 3 before an audit.

| number | noticed, or why nobody can tell |
|---|---|
"""
UNTOLD = {
    "sessions_high": "a sum of what was. It is noticed below the newest line of the history",
    "utility_high": "a sum of what was. It is noticed above that of `optimum`",
    "utility_low": "less than half of the last binary place of the high part is right",
    "optimum_high": "a sum of what was. It is noticed below that of `utility`",
    "optimum_low": "as `utility_low`",
    "learning_steps_up": "a count of what was, of which nothing is left",
    "learning_steps_down": "as `learning_steps_up`",
    "pool_list": "a mark that is only compared with another: names of pools are read once more",
    "length of the policy's block": "there is nothing beyond the last block, and each call writes its length anew",
    "revision": "a count of what was. It is noticed below the fork of the present incarnation",
    "attribute_list": "as `pool_list`, of addresses and labels",
    "differences_since": "an instant of the past; in the future it is noticed",
    "placed_squares": "a sum of what was. It is noticed where no such differences can have it",
}
"""Numbers whose change by 3 no audit can notice."""
UNMENDED = {"the document cut"}
"""What a repair alone does not mend."""


NUMBERS = (
    "the low part of an integral",
    "the integral of the sessions fallen",
    "a count below 0",
    "placements above the sessions assigned",
    "a generation that is none",
    "another incarnation",
    "the revision below the fork",
    "the addresses deleted",
    "a deadline without a timer",
    "the clock 3 s back",
    "leases are held no more",
)
"""Corruptions of which no other test of the default ones is a case."""
BY_LEASES = {"fleet time ahead by 300 years"}
"""Where sessions end within three seconds: their leases are over, as far as the store can tell."""


class Alone(NamedTuple):
    """What became of a corruption under ticks, without anybody who looks."""

    did: str
    lost: set[str]
    """Sessions that the corruption had left a record, and that have none any more."""
    said: str
    """Why `/state` could not be told, '' where it could."""


class CorruptionResult(NamedTuple):
    """One corruption, and what became of it."""

    found: list[Findings]
    heard: str
    alone: Alone
    left: list[Findings]
    witness: list[str]
    lost: set[str]
    pools: set[str]
    """Pools that came, went, or have another status than before."""


class Bench:
    """A sound fleet that can be put back."""

    def __init__(self, store: Store, redis: TextRedis, clock: Clock) -> None:
        self._store = store
        self._redis = redis
        self._specs = Specs()
        self._clock = clock
        self._saved: dict[str, bytes] = {}

    async def build(self) -> None:
        classes = [one | {"pools": 3} for one in TINY["classes"]]
        body = json.dumps(TINY | {"classes": classes, "lease_seconds": 300})
        await apply_fleet(self._store, self._specs, FLEET, parse_document(body))
        await place(self._store, 12)
        await pass_seconds(self._store, self._clock, 6)
        drain = Drain(deadline_seconds=3600, then="list")
        await self._store.pools.set_status(FLEET, "large-3", "draining", drain=drain)
        leased = Heartbeats(["small-1", "small-2"], ["3600"] * 2, ["-"] * 2, [(0, "10.0.0.1:80", '{"zone": "a"}')])
        await self._store.pools.beat(FLEET, leased)
        await self._store.sessions.complete(FLEET, "s11")
        self._saved = {name: self._redis.dump(name) for name in self._redis.keys("*")}

    def put_back(self) -> None:
        self._redis.flushall()
        for name, value in self._saved.items():
            self._redis.restore(name, 0, value)

    async def _call(self, id_: str = "client") -> str:
        """What a client hears of an assign and its complete."""
        try:
            await self._store.sessions.assign(FLEET, id_, None)
            await self._store.sessions.complete(FLEET, id_)
        except errors.DispatchError as error:
            return f"`{error.code}`"
        return "nothing"

    def plant(self, name: str) -> None:
        self.put_back()
        CORRUPTIONS[name](self._redis)

    async def audit(self) -> list[Findings]:
        return await audit_all(self._store, self._specs)

    async def see(self, name: str) -> CorruptionResult:
        self.plant(name)
        heard = await self._call()
        alone = await self._leave_alone(name)
        self.put_back()
        before, pools = self._sessions(), self._statuses()
        self.plant(name)
        found = await self.audit()
        for one in found:
            await mend(self._store, self._specs, one)
        left = await self.audit()
        changed = {pool_id for pool_id, _ in pools ^ self._statuses()}
        lost = before - self._sessions()
        return CorruptionResult(found, heard, alone, left, violations(self._redis, FLEET), lost, changed)

    async def _leave_alone(self, name: str) -> Alone:
        """Three seconds of calls and ticks."""
        self.plant(name)
        now, before, did = self._clock.now, self._sessions(), "nothing"
        for second in range(3):
            self._clock.advance(1)
            await self._call(f"client-{second}")
            suspect = await self._store.fleets.tick(FLEET)
            if suspect and suspect.ours:
                attempt = await repair_suspect(self._store, self._specs, FLEET)
                did = attempt.blocked or "repaired"
        self._clock.now = now
        return Alone(did, before - self._sessions(), await self.state())

    async def state(self) -> str:
        """Why `/state` cannot be told, '' where it can."""
        try:
            snapshot = await self._store.fleets.snapshot(FLEET)
            observe_state(snapshot, await self._specs.of_stored(snapshot.document))
        except errors.DispatchError as error:
            return error.code
        return ""

    def _sessions(self) -> set[str]:
        """Those with a record."""
        return set(self._redis.hkeys(f"{{{FLEET}}}:sessions"))

    async def see_number(self, place: int) -> list[str]:
        """What an audit finds when one number of the packed state is raised."""
        self.put_back()
        values = rawstate.unpack(self._redis, FLEET)
        values[place] = f"{float(values[place]) + 3:.17g}"
        rawstate.pack(self._redis, FLEET, values)
        found = await self.audit()
        return [one.not_looked for one in found if one.not_looked] + [s for one in found for s in one.sentences]

    async def see_numbers(self) -> dict[str, list[str]]:
        """The same of each number, by its field and, in a vector, its class."""
        self.put_back()
        values = rawstate.unpack(self._redis, FLEET)
        blocks = {3: "length of the fleet's block", 4 + int(values[3]): "length of the policy's block"}
        names = dict.fromkeys(range(len(values)), "") | blocks
        for field, where in rawstate.places(values).items():
            is_vector = where.stop - where.start > 1
            names |= {
                at: f"{field} of class {at - where.start}" if is_vector else field for at in range(*where.indices(999))
            }
        return {name: await self.see_number(at) for at, name in names.items() if name != "policy"}

    def _statuses(self) -> set[tuple[str, str]]:
        """Pools and their statuses."""
        return {(id_, record.split()[1][0]) for id_, record in self._redis.hgetall(f"{{{FLEET}}}:pools").items()}


@asynccontextmanager
async def built() -> AsyncIterator[Bench]:
    clock = Clock()
    with (
        running_store(EMBEDDED) as url,
        connect_as_text(url) as redis,
    ):
        settings = StoreSettings(url, call_timeout_seconds=30, deadline_seconds=2)
        store = Store(settings, Calls(), draw=lambda: 0.5, clock=clock)
        bench = Bench(store, redis, clock)
        await bench.build()
        yield bench
        await store.close()


async def see_all() -> tuple[dict[str, CorruptionResult], dict[str, list[str]]]:
    """What became of each corruption, and what is found of each number."""
    async with built() as bench:
        return {name: await bench.see(name) for name in CORRUPTIONS}, await bench.see_numbers()


def page(seen: dict[str, CorruptionResult], numbers: dict[str, list[str]]) -> str:
    rows = "".join(
        f"| {name} | {_first(one.found)} | {one.heard} | {one.alone.did} | {LEFT.get(name, 'nothing')} |\n"
        for name, one in seen.items()
    )
    told = {name: _cell(found[0]) if found else UNTOLD.get(name, "") for name, found in numbers.items()}
    return HEAD + rows + NUMBERS_HEAD + "".join(f"| {name} | {what} |\n" for name, what in told.items())


def _first(found: list[Findings]) -> str:
    return _cell(next(sentence for one in found for sentence in one.sentences))


def _cell(sentence: str) -> str:
    return f"`{sentence}`".replace("|", "\\|")


@pytest.fixture(scope="module")
def everything() -> tuple[dict[str, CorruptionResult], dict[str, list[str]]]:
    return asyncio.run(see_all())


@pytest.fixture(scope="module")
def seen(everything: tuple[dict[str, CorruptionResult], dict[str, list[str]]]) -> dict[str, CorruptionResult]:
    return everything[0]


@pytest.fixture(scope="module")
def numbers(everything: tuple[dict[str, CorruptionResult], dict[str, list[str]]]) -> dict[str, list[str]]:
    return everything[1]


def test_there_are_at_least_fifty() -> None:
    assert len(CORRUPTIONS) >= 50


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with built() as made:
        yield made


async def test_numbers_that_cannot_be_are_noticed(bench: Bench) -> None:
    unnoticed = set()
    for name in NUMBERS:
        bench.plant(name)
        unnoticed |= set() if any(found.total for found in await bench.audit()) else {name}
    assert unnoticed == set()


async def test_a_state_with_a_rank_that_does_not_exist_is_not_told(bench: Bench) -> None:
    bench.plant("r := 99999")
    assert await bench.state() == "fleet_damaged"


def thorough(test: Callable[..., None]) -> Callable[..., None]:
    """All corruptions are planted before the first of these tests."""
    marked: Callable[..., None] = pytest.mark.slow(pytest.mark.timeout(600)(test))
    return marked


@thorough
def test_each_is_noticed(seen: dict[str, CorruptionResult]) -> None:
    assert [name for name, one in seen.items() if not any(found.total for found in one.found)] == []


@thorough
def test_each_is_mended_but_for_what_the_table_says(seen: dict[str, CorruptionResult]) -> None:
    left = {name: [s for found in one.left for s in found.sentences] for name, one in seen.items()}
    assert {name: sentences for name, sentences in left.items() if sentences and name not in UNMENDED} == {}
    assert {name: one.witness for name, one in seen.items() if one.witness and name not in UNMENDED} == {}


@thorough
def test_no_other_session_is_lost(seen: dict[str, CorruptionResult]) -> None:
    lost = {name: one.lost for name, one in seen.items() if one.lost}
    assert lost == {"an unreadable record": {"s0"}}


@thorough
def test_every_pool_has_its_status_again(seen: dict[str, CorruptionResult]) -> None:
    changed = {name: one.pools for name, one in seen.items() if one.pools}
    assert changed == {"a record of a pool that is not there": {"nowhere"}}


@thorough
def test_without_anybody_who_looks_no_session_loses_its_record(seen: dict[str, CorruptionResult]) -> None:
    assert {name for name, one in seen.items() if one.alone.lost} == BY_LEASES


@thorough
def test_the_state_is_told_or_refused_for_a_reason(seen: dict[str, CorruptionResult]) -> None:
    assert {one.alone.said for one in seen.values()} == {"", "fleet_damaged", "document_unreadable"}


@thorough
def test_each_number_of_the_state_is_noticed_but_for_those_of_which_nobody_can_tell(
    numbers: dict[str, list[str]],
) -> None:
    assert {name for name, found in numbers.items() if not found} == UNTOLD.keys()


@thorough
def test_the_page_says_so(seen: dict[str, CorruptionResult], numbers: dict[str, list[str]]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(seen, numbers)


if __name__ == "__main__" and "--write" in sys.argv:
    PAGE.write_text(page(*asyncio.run(see_all())), encoding="utf-8")
