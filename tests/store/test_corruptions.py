"""Corruptions × verbs: each is noticed by both audits, previewed and mended, and nothing else is lost.

In each scene each is planted alone, with the next of its kind, and in each field of a record and of the fleet.
corruption_results.json has what became of each that was planted alone. `python -m tests.store.test_corruptions --write`
writes it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from redis.exceptions import ResponseError

from slta.audit import Consent, audit_all, mend, repair_suspect
from slta.fleet_file import Specs
from slta.models import Drain, Findings, Survey, errors
from slta.models.heartbeats import Heartbeat
from slta.store import Store, StoreSettings
from slta.store.sessions import report_option
from slta.views.state import observe_state
from testbed.in_process import TINY, tick
from testbed.servers import EMBEDDED, TextRedis
from testbed.stores import connect_as_text, running_store
from tests import rawstate
from tests.audit import violations
from tests.store.conftest import Calls, Clock
from tests.store.corruptions import GUARDED, JLMU, SLTA, TYPED, Plant, poke
from tests.store.fleets import FLEET, apply, pass_seconds, place
from tests.store.test_liveness import TTL, beat, keep_alive

FINDINGS = Path(__file__).with_name("corruption_results.json")
"""By scene and corruption: the first finding of the next audit (`noticed`), what a client hears of an assign and a
complete before it (`a call`), what dispatchers do within three seconds of such calls and ticks (`by itself`), and what
no record tells after a repair (`left`); what is not there is nothing. By number of the state, raised by 3: the first
finding, or why there is none.
"""
UNMENDED = {"the document cut", "the document deleted"}
"""What a repair alone does not mend."""
LINES = {
    *("a longer history from the future", "a line of the history twice", "a history from the future"),
    *(f"word {at} of a history's newest line" for at in range(12)),
}
LEFT = {
    **dict.fromkeys(sorted(LINES), "the line, set aside in `{fleet}:aside`"),
    "a history of another type": "the averages of the last minute",
    "an unreadable record": "the session, set aside in `{fleet}:aside`",
    "a record whose level and token nobody can read": "the level and the token of the session",
    "a record deleted": "when the session began, its lease, its level and its token",
    "a record of nobody": "a session more, until its client or its pool ends it",
    "a record of a pool that is not there": "a draining pool of that name",
    **dict.fromkeys(sorted(UNMENDED), "the document: `PUT` the configuration, then repair again"),
    "all records of pools deleted": "whether a pool without bits was draining or failed: it is draining",
    "a session that is also ended": "the session is live",
    "the state lost": "counters begin anew",
    "the state unreadable": "counters begin anew",
    "the state of another type": "counters begin anew",
    "a layout that is no number": "counters begin anew",
    "a history that is none": "the line, set aside in `{fleet}:aside`",
    "an event that nobody can read": "the event",
    "the events of another type": "the events",
    "a set of ids of no pool": "the sessions' ids, set aside in `{fleet}:aside`",
    "the addresses deleted": "the addresses, until heartbeats bring them",
    "the labels deleted": "the labels, until heartbeats bring them",
    "a sample of no level": "the sample, set aside in `{fleet}:aside`",
    "samples that nobody can read": "the samples of the level, set aside in `{fleet}:aside`",
    "samples of no pool": "the samples of the level, set aside in `{fleet}:aside`",
    **dict.fromkeys(("the samples of another type", "a bit of a pool without samples"), "the samples"),
    "samples whose squares are too small": "the samples of the level, set aside in `{fleet}:aside`",
    "a deadline deleted": "the deadline",
    "a deadline that nobody can read": "the deadline; the record is set aside in `{fleet}:aside`",
    "a deadline in 30 years": "the deadline; the record is set aside in `{fleet}:aside`",
    "a deadline without what follows": "what follows it: the sessions are kept",
    "a lease of a pool deleted": "how long it is: 60 s until the next heartbeat",
    "a stray key": "its name and type, set aside in `{fleet}:aside`",
    "all cold numbers lost": "refusals, failed and adopted sessions count from 0",
    "placements above the sessions assigned": "placements by token count from 0",
    "a level that is none": "the level and the token of the session",
    "a session completed before its assign": "the session is live",
    "a type that the fleet does not have": "the type of the session: it is `default`",
    "a type that may not use the class": "the type of the session: it is `default`",
    "assigned sessions of a type below 0": "assigned sessions of the type count from 0",
    "assigned sessions of types above those of the fleet": "assigned sessions of all types count from 0",
}
OF_SLTA = {
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
OF_TYPES = dict.fromkeys(
    (
        *("compatibility_high", "interval_pools of class 0", "interval_pools of class 1"),
        *("interval_optimum_high", "interval_optimum_low", *(f"waiting of class {at}" for at in range(6))),
    ),
    "a sum of what was. `compatibility` is noticed if it has fallen, or is above the difference of two other integrals",
)
UNTOLD = {"slta": OF_SLTA, "typed": OF_TYPES}
"""Numbers whose change by 3 no audit can notice, by scene; of types those in packed texts."""
UNSEEN = {
    *("the low part of an integral", "the integral of the sessions fallen", "a count below 0"),
    *("placements above the sessions assigned", "a generation that is none", "another incarnation"),
    *("the revision below the fork", "a record of a pool that is not there", "a record that began in the future"),
    *("the bound's table", "the tables' digest", "the default lease", "a number of the state lost"),
    *("a layout that is no number", "a history that is none", "an event that nobody can read"),
    *LINES,
    *("a history of another type", "a row of samples of another type", "a bit of a pool without samples"),
    *("the events of another type", "the name struck off the list", "a time to live on the list of fleets"),
    *("the checksum of the types", "refusals that are no number", "an interval that is none"),
    *("the full bound deleted", "another lease in the document"),
    *("a gap that ends in 30 years", "a recovery that ends in 30 years"),
}
"""What the tests' audit does not look at."""
WORDS = ("0", "x", "9" * 16)
"""What a word of a record becomes."""
OTHER_POOLS = {
    *("a record of a pool that is not there", "a pool's status", "all records of pools deleted"),
    *(f"sessions 4: {word}" for word in WORDS),
}
"""A repair makes a pool, or cannot tell its status."""
BY_LEASES = {"fleet time ahead by 300 years"}
"""Where sessions end within three seconds: their leases are over, as far as the store can tell."""


class Alone(NamedTuple):
    """What became of a corruption under ticks, without anybody who looks."""

    did: str
    lost: set[str]
    """Sessions and pools that the corruption had left a record, and that have none any more."""
    said: str
    """Why `/state` could not be told, '' where it could."""


class CorruptionResult(NamedTuple):
    """One corruption, and what became of it."""

    found: list[Findings]
    seen: bool
    """Whether the tests' audit found it."""
    previewed: set[str]
    aside: set[str]
    left: list[Findings]
    witness: list[str]
    lost: set[str]
    pools: set[str]
    """Pools that came, went, or have another status than before."""


class Look(NamedTuple):
    """What is heard of a corruption without an audit."""

    heard: str
    alone: Alone


class Bench:
    """A sound fleet that can be put back."""

    def __init__(self, store: Store, redis: TextRedis, clock: Clock) -> None:
        self._store = store
        self._redis = redis
        self._specs = Specs()
        self._clock = clock
        self._saved: dict[str, bytes] = {}

    async def build(self, scene: str) -> None:
        classes = [one | {"pools": 8 if scene == "guarded" else 3} for one in TINY["classes"]]
        fields: dict[str, Any] = {"lease_seconds": 300}
        if scene in ("jlmu", "guarded"):
            fields |= {"policy": "jlmu"}
        if scene == "typed":
            types = {"chat": ["small"], "video": ["large"]}
            fields |= {"policy": "jlmu", "session_types": types, "lease_seconds": 0}
        await apply(self._store, TINY | {"classes": classes} | fields)
        await {"typed": self._build_typed, "guarded": self._build_guarded}.get(scene, self._build)()
        self._saved = {name: self._redis.dump(name) for name in self._redis.keys("*")}

    async def _build(self) -> None:
        await place(self._store, 12)
        await pass_seconds(self._store, self._clock, 6)
        drain = Drain(deadline_seconds=3600, then="list")
        await self._store.pools.set_status(FLEET, "large-3", "draining", drain=drain)
        leased = [
            Heartbeat("small-1", "3600", attributes=("10.0.0.1:80", '{"zone": "a"}')),
            Heartbeat("small-2", "3600"),
        ]
        await self._store.pools.beat(FLEET, leased)
        await self._store.sessions.complete(FLEET, "s11")

    async def _build_guarded(self) -> None:
        """Of eight pools one is lost, four are unconfirmed, three alive; one of those drains."""
        small = [f"small-{k}" for k in range(1, 9)]
        await beat(self._store, *small)
        await place(self._store, 20)
        await keep_alive(self._store, self._clock, 22.5, *small[1:])
        await keep_alive(self._store, self._clock, 1.25 * TTL, *small[5:])
        await self._store.pools.set_status(FLEET, "small-6", "draining")

    async def _build_typed(self) -> None:
        """Sessions of default, chat and video: 0, 1 and 1 on active pools, 0, 1 and 1 on others."""
        await pass_seconds(self._store, self._clock, 2)
        places = {"a": "small-1 chat", "b": "large-1 video", "c": "large-2 video", "d": "small-2 chat"}
        for id_, place_of in places.items():
            pool_id, _, kind = place_of.partition(" ")
            await self._store.sessions.report(FLEET, id_, report_option(pool_id, session_type=kind), None)
        for pool_id in ("small-2", "large-2"):
            await self._store.pools.set_status(FLEET, pool_id, "draining")
        await pass_seconds(self._store, self._clock, 2)

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
            return error.code
        return "nothing"

    def plant(self, *plants: Plant) -> None:
        self.put_back()
        for plant in plants:
            plant(self._redis)

    async def audit(self) -> list[Findings]:
        return await audit_all(self._store, self._specs)

    def witness(self) -> list[str]:
        return violations(self._redis, FLEET)

    async def see(self, *plants: Plant) -> CorruptionResult:
        self.put_back()
        before, pools = self._sessions(), self._statuses()
        self.plant(*plants)
        found, seen, previewed = await self.audit(), bool(self.witness()), set[str]()

        def ask(_: str, survey: Survey) -> Consent:
            told = {"session": survey.sessions, "pool": survey.pools, "key": survey.keys}
            previewed.update(f"{kind} {id_}" for kind, records in told.items() for id_ in records)
            return Consent(repair=True, put_back=True)

        for one in found:
            await mend(self._store, self._specs, one, ask)
        left = await self.audit()
        changed = {pool_id for pool_id, _ in pools ^ self._statuses()}
        aside = self._redis.hgetall(f"{{{FLEET}}}:aside")
        told = {what for what, why in aside.items() if what.startswith(("session", "pool ")) or "stray" in why}
        lost = before - self._sessions()
        return CorruptionResult(found, seen, previewed, told, left, self.witness(), lost, changed)

    async def look(self, plant: Plant) -> Look:
        self.plant(plant)
        heard = await self._call()
        alone = await self._leave_alone(plant)
        forgetful = await self._leave_alone(plant, forgets=True)
        return Look(heard, alone._replace(lost=alone.lost | forgetful.lost))

    async def _leave_alone(self, plant: Plant, *, forgets: bool = False) -> Alone:
        """Three seconds of calls and ticks; `forgets`: the library's memory is lost, as by a restart of the server."""
        self.plant(plant)
        if forgets:
            self._redis.function_flush()
        now, before, did = self._clock.now, self._records(), "nothing"
        for second in range(3):
            self._clock.advance(1)
            await self._call(f"client-{second}")
            suspect = await tick(self._store, FLEET)
            if suspect and suspect.ours:
                attempt = await repair_suspect(self._store, self._specs, FLEET)
                did = attempt.blocked or "repaired"
        self._clock.now = now
        return Alone(did, before - self._records(), await self.state())

    def _records(self) -> set[str]:
        return self._sessions() | {f"pool {id_}" for id_ in self._redis.hkeys(f"{{{FLEET}}}:pools")}

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

    async def told(self, plant: Plant) -> list[str]:
        """What an audit finds."""
        self.plant(plant)
        found = await self.audit()
        return [one.not_looked for one in found if one.not_looked] + [s for one in found for s in one.sentences]

    def fields(self) -> Iterator[tuple[str, Plant]]:
        """Each word of two records, and each field of the fleet, becomes another."""
        self.put_back()
        for name, id_ in (("sessions", "s0"), ("pools", "large-2")):
            words = self._redis.hget(f"{{{FLEET}}}:{name}", id_).split()
            for at, word in itertools.product(range(len(words)), WORDS):
                text = " ".join([*words[:at], word, *words[at + 1 :]])
                if words[at] != word:
                    yield f"{name} {at}: {word}", partial(_set_field, name=name, field=id_, text=text)
        for field in self._redis.hkeys(f"{{{FLEET}}}:cold"):
            yield f"cold {field}", partial(_set_field, name="cold", field=field, text="x")

    def numbers(self, scene: str) -> Iterator[tuple[str, Plant]]:
        """Each number of the state, of session types those in packed texts, is raised by 3."""
        self.put_back()
        values = rawstate.unpack(self._redis, FLEET)
        raw = {
            "layout": 0,
            "classes": 2,
            "length of the fleet's block": 3,
            "length of the policy's block": 4 + int(values[3]),
        }
        for what in raw if scene == "slta" else ():
            yield what, partial(_raise_place, place=raw[what])
        where = rawstate.places(values)
        for field, text in rawstate.named(values).items():
            words = text.split()
            for at, word in enumerate(words):
                if (field in where) == (scene == "slta") and field not in ("layout", "policy", "classes"):
                    raised = " ".join([*words[:at], f"{float(word) + 3:.17g}", *words[at + 1 :]])
                    yield f"{field} of class {at}" if len(words) > 1 else field, poke(**{field: raised})

    def _statuses(self) -> set[tuple[str, str]]:
        """Pools and their statuses."""
        return {(id_, record.split()[1][0]) for id_, record in self._redis.hgetall(f"{{{FLEET}}}:pools").items()}


def _raise_place(redis: TextRedis, place: int) -> None:
    values = rawstate.unpack(redis, FLEET)
    rawstate.pack(redis, FLEET, [*values[:place], str(int(values[place]) + 3), *values[place + 1 :]])


def _set_field(redis: TextRedis, name: str, field: str, text: str) -> None:
    redis.hset(f"{{{FLEET}}}:{name}", field, text)


@asynccontextmanager
async def built(scene: str = "slta") -> AsyncIterator[Bench]:
    clock = Clock()
    with running_store(EMBEDDED) as url, connect_as_text(url) as redis:
        settings = StoreSettings(url, call_timeout_seconds=30, deadline_seconds=2)
        store = Store(settings, Calls(), draw=lambda: 0.5, clock=clock)
        bench = Bench(store, redis, clock)
        try:
            await bench.build(scene)
            yield bench
        finally:
            await store.close()


SCENES = {"slta": SLTA, "jlmu": JLMU, "typed": TYPED, "guarded": GUARDED}


def singles(scene: str) -> dict[str, Plant]:
    return {name: plant for kind in SCENES[scene].values() for name, plant in kind.items()}


def pairs(scene: str) -> dict[str, tuple[Plant, Plant]]:
    """Each corruption and the next of its kind."""
    return {
        f"{one}, and {two}": (kind[one], kind[two])
        for kind in SCENES[scene].values()
        for one, two in itertools.pairwise(kind)
    }


class Seen(NamedTuple):
    """What became of all corruptions of a scene."""

    alone: dict[str, CorruptionResult]
    looks: dict[str, Look]
    paired: dict[str, CorruptionResult]
    fields: dict[str, CorruptionResult]
    numbers: dict[str, list[str]]

    @property
    def results(self) -> dict[str, CorruptionResult]:
        return self.alone | self.paired | self.fields


async def see_all(scene: str, *, only_alone: bool = False) -> Seen:
    async with built(scene) as bench:
        alone = {name: await bench.see(plant) for name, plant in singles(scene).items()}
        looks = {name: await bench.look(plant) for name, plant in singles(scene).items()}
        numbers = {name: await bench.told(plant) for name, plant in bench.numbers(scene)} if scene in UNTOLD else {}
        if only_alone:
            return Seen(alone, looks, {}, {}, numbers)
        paired = {}
        for name, both in pairs(scene).items():
            with suppress(ResponseError):  # the first has made the second impossible
                paired[name] = await bench.see(*both)
        fields = {name: await bench.see(plant) for name, plant in bench.fields()} if scene == "slta" else {}
        return Seen(alone, looks, paired, fields, numbers)


def findings(scene: str, seen: Seen) -> dict[str, dict[str, Any]]:
    alone = {name: _row(name, one, seen.looks[name]) for name, one in seen.alone.items()}
    untold = UNTOLD.get(scene, {})
    numbers = {name: found[0] if found else f"– {untold.get(name)}" for name, found in seen.numbers.items()}
    return {"alone": alone, "numbers": numbers}


def _row(name: str, result: CorruptionResult, look: Look) -> dict[str, str]:
    row = {"noticed": _first(result.found), "a call": look.heard, "by itself": look.alone.did, "left": LEFT.get(name)}
    return {column: cell for column, cell in row.items() if cell and cell != "nothing"}


def _first(found: list[Findings]) -> str:
    return next(sentence for one in found for sentence in one.sentences)


@pytest.mark.parametrize("scene", SCENES)
async def test_each_is_noticed_by_both_audits(scene: str) -> None:
    missed = set()
    async with built(scene) as bench:
        assert ([found.sentences for found in await bench.audit()], bench.witness()) == ([[]], [])
        for name, plant in singles(scene).items():
            bench.plant(plant)
            missed |= set() if any(found.total for found in await bench.audit()) else {f"by the store: {name}"}
            missed |= set() if bench.witness() or name in UNSEEN else {f"by the tests: {name}"}
    assert missed == set()


async def test_a_state_with_a_rank_that_does_not_exist_is_not_told() -> None:
    async with built() as bench:
        bench.plant(singles("slta")["r := 99999"])
        assert await bench.state() == "fleet_damaged"


@pytest.fixture(scope="module", params=SCENES)
def scene(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def seen(scene: str) -> Seen:
    return asyncio.run(see_all(scene))


def thorough(test: Callable[..., None]) -> Callable[..., None]:
    """All corruptions of a scene are planted before the first of these tests."""
    marked: Callable[..., None] = pytest.mark.slow(pytest.mark.timeout(600)(test))
    return marked


@thorough
def test_each_is_noticed_alone_with_another_and_in_each_field(seen: Seen) -> None:
    unnoticed = {name for name, one in seen.results.items() if not any(found.total for found in one.found)}
    assert unnoticed == set()


@thorough
def test_each_is_mended_but_for_what_the_table_says(seen: Seen) -> None:
    found = {name: [s for found in one.left for s in found.sentences] for name, one in seen.results.items()}
    left = {name: sentences + seen.results[name].witness for name, sentences in found.items()}
    assert {name: sentences for name, sentences in left.items() if sentences and not _has(name, UNMENDED)} == {}


@thorough
def test_nothing_is_set_aside_but_what_was_previewed_and_nothing_else_is_lost(seen: Seen) -> None:
    assert {name: (one.previewed, one.aside) for name, one in seen.results.items() if one.previewed != one.aside} == {}
    lost = {name: one.lost for name, one in seen.results.items()}
    assert {
        name: ids for name, ids in lost.items() if not {f"session {id_}" for id_ in ids} <= seen.results[name].aside
    } == {}


@thorough
def test_every_pool_has_its_status_again(seen: Seen) -> None:
    changed = {name: one.pools for name, one in seen.results.items() if one.pools and not _has(name, OTHER_POOLS)}
    assert changed == {}


@thorough
def test_without_anybody_who_looks_no_session_loses_its_record_and_the_state_is_told_or_refused(seen: Seen) -> None:
    assert {name: one.alone.lost for name, one in seen.looks.items() if one.alone.lost and name not in BY_LEASES} == {}
    assert {one.alone.said for one in seen.looks.values()} <= {"", "fleet_damaged", "document_unreadable"}


@thorough
def test_each_number_of_the_state_is_noticed_but_for_those_of_which_nobody_can_tell(scene: str, seen: Seen) -> None:
    assert {name for name, found in seen.numbers.items() if not found} == UNTOLD.get(scene, {}).keys()


@thorough
def test_the_kept_findings_are_these(scene: str, seen: Seen) -> None:
    assert json.loads(FINDINGS.read_text(encoding="utf-8"))[scene] == findings(scene, seen)


def _has(name: str, corruptions: Collection[str]) -> bool:
    """Whether one of these was planted."""
    return any(part in corruptions for part in name.split(", and "))


if __name__ == "__main__" and "--write" in sys.argv:
    every = {scene: asyncio.run(see_all(scene, only_alone=True)) for scene in SCENES}
    data = {scene: findings(scene, seen) for scene, seen in every.items()}
    FINDINGS.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
