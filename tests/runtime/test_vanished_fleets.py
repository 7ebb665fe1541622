"""A fleet that vanished is told from one that was deleted, and from one that is being made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from redis import Redis

from slta.models.errors import NewerFleetError, StoreUnavailableError, UnknownFleetError
from slta.runtime.ticks import ABSENT_SECONDS, Absences, Verdict
from slta.store import Store
from slta.store.fleets import NAMED_KEYS
from tests.runtime.conftest import Opening, ticks_of
from tests.store.fleets import TWO_CLASSES, create, spec

GONE, BUSY = UnknownFleetError.code, StoreUnavailableError.code


class Step(NamedTuple):
    """A round: the outcomes of ticks, the verdicts that it must give, evicted keys, and the fleet that has keys."""

    now: float
    ticks: dict[str, str]
    verdicts: dict[str, Verdict] | None = None
    evicted: int = 0
    left: str = ""


def f(outcome: str) -> dict[str, str]:
    return {"f": outcome}


PENDING: dict[str, Verdict] = {"f": "pending"}
DELETED: dict[str, Verdict] = {"f": "deleted"}
LOST: dict[str, Verdict] = {"f": "lost"}
THERE = (Step(0, f("")),)
AWAY = (*THERE, Step(1, f(GONE)))
LATER = 7 + ABSENT_SECONDS
OTHERS = {"half": GONE, "g": ""}
STORIES: dict[str, Sequence[Step]] = {
    "judged once, when absent for long enough": (*AWAY, Step(5.9, f(GONE)), Step(6, f(GONE), LOST), Step(99, f(GONE))),
    "back in time": (*AWAY, Step(2, f("")), Step(3, f(GONE)), Step(6, f(GONE)), Step(8, f(GONE), LOST)),
    "again": (*AWAY, Step(9, f(GONE), LOST), Step(10, f("")), Step(11, f(GONE)), Step(19, f(GONE), LOST)),
    "a tick that failed says nothing": (*AWAY, Step(99, f(BUSY)), Step(100, f(GONE), LOST)),
    "nor of one that was never there": (Step(0, f(BUSY)), Step(99, f(BUSY))),
    "one that refuses its tick is there": (*AWAY, Step(99, f(NewerFleetError.code)), Step(100, f(GONE))),
    "off the list, and forgotten once judged": (*AWAY, Step(9, {}, DELETED), Step(99, {})),
    "off the list with its keys": (
        *(*THERE, Step(7, {}, PENDING, left="f"), Step(LATER - 0.1, {})),
        Step(LATER, {}, {"f": "relisted"}, left="f"),
    ),
    "its keys are back": (*THERE, Step(7, {}, PENDING), Step(LATER, {}, {"f": "undeleted"}, left="f")),
    "its keys are back after a tick that failed": (
        *(*THERE, Step(7, {}, PENDING), Step(8, f(BUSY))),
        Step(LATER, {}, {"f": "undeleted"}, left="f"),
    ),
    "deleted between the looks": (*THERE, Step(7, {}, PENDING, left="f"), Step(LATER, {}, DELETED)),
    "evicted since it was there, but for f": (
        *(Step(0, f("") | OTHERS, evicted=500), Step(9, f("") | OTHERS, {"half": "deleted"}, 500)),
        *(Step(10, f("") | OTHERS, evicted=510), Step(11, OTHERS, PENDING, 510), Step(19, OTHERS, DELETED, 510)),
        *(Step(20, {"half": GONE}, {"g": "pending"}, 511), Step(29, {"half": GONE}, {"g": "lost"}, 511)),
    ),
    "evicted before": (*THERE, Step(1, f(""), evicted=7), Step(9, {}, PENDING, 7), Step(19, {}, DELETED, 7)),
    "never there": (Step(0, f(GONE)), Step(9, f(GONE), DELETED)),
    "never there, but keys are left": (Step(0, f(GONE)), Step(9, f(GONE), LOST, left="f")),
}


@pytest.mark.parametrize("story", STORIES)
def test_an_absent_fleet_is_judged(story: str) -> None:
    absences = Absences()
    for step in STORIES[story]:
        found: dict[str, Verdict] = {}
        for fleet in absences.due(step.ticks, step.now, step.evicted):
            verdict = absences.verdict(fleet, step.now, listed=fleet in step.ticks, keys_left=fleet == step.left)
            found[fleet] = verdict
            if verdict != "pending":
                absences.judged(fleet)
        assert found == (step.verdicts or {}), step


class Watched:
    """A dispatcher's ticks, which judge an absent fleet in the round after."""

    def __init__(self, store: Store) -> None:
        self.vanished: list[str] = []
        self.ticks = ticks_of(store, vanished=self.vanished.append)

    async def rounds(self, most: int = 3, evicted_keys: int = 0) -> int:
        """How many fleets vanished in them."""
        before = len(self.vanished)
        for _ in range(most):
            assert await self.ticks.round(evicted_keys) == ""
            await self.ticks.tick(["a", "b"])
        return len(self.vanished) - before


@pytest.fixture
async def watched(store: Store, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """It has ticked `a` and `b`."""
    monkeypatch.setattr("slta.runtime.ticks.ABSENT_SECONDS", 0)
    ticks = Watched(store)
    assert await ticks.rounds() == 0
    return ticks


def keys_of(redis: Redis, fleet: str) -> list[str]:
    return sorted(map(str, redis.keys(f"{{{fleet}}}:*")))


async def test_a_fleet_whose_keys_were_evicted_vanishes(
    watched: Watched, redis: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    redis.unlink(*keys_of(redis, "a"))
    assert await watched.rounds() == 1
    said = [line for line in capsys.readouterr().out.splitlines() if "fleet_vanished" in line]
    assert len(said) == 1
    assert [word for word in ("fleet=a", "listed=True", "keys_left=0") if word not in said[0]] == []


async def test_one_that_lost_its_state_alone_is_repaired_and_does_not_vanish(watched: Watched, redis: Redis) -> None:
    redis.unlink("{a}:fleet")
    assert await watched.rounds() == 0


async def test_all_are_listed_again_when_the_list_is_lost(watched: Watched, store: Store, redis: Redis) -> None:
    redis.unlink("slta:fleets")
    assert await watched.rounds() == 2
    assert watched.vanished == ["relisted"] * 2
    assert await store.fleets.names() == ["a", "b"]


async def test_a_fleet_whose_delete_is_undone_is_listed_again(watched: Watched, store: Store, redis: Redis) -> None:
    await store.sessions.complete("b", "s")
    for key in (keys := keys_of(redis, "b")):
        redis.copy(key, f"saved{key}")
    await store.fleets.delete("b")
    assert await watched.rounds(1) == 0
    for key in keys:
        redis.rename(f"saved{key}", key)
    assert await watched.rounds() == 1
    assert watched.vanished == ["undeleted"]
    assert await store.fleets.names() == ["a", "b"]


async def test_a_relist_adds_no_deleted_fleet(store: Store, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    list_it = store.fleets._list

    async def delete_first(fleet: str) -> None:
        redis.unlink(*keys_of(redis, fleet))
        await list_it(fleet)

    monkeypatch.setattr(store.fleets, "_list", delete_first)
    with pytest.raises(UnknownFleetError):
        await store.fleets.relist("a")
    assert await store.fleets.names() == ["b"]


@pytest.mark.parametrize("left", ["{a}:sessions", "{a}:records", "{a}:used:0"])
async def test_a_fleet_never_ticked_vanishes_too(watched: Watched, store: Store, redis: Redis, left: str) -> None:
    redis.unlink(*(key for key in keys_of(redis, "a") if key != left))
    assert await Watched(store).rounds() == 1


async def test_a_fleet_that_another_dispatcher_deletes_does_not_vanish(watched: Watched, opening: Opening) -> None:
    other = opening()
    await other.sessions.complete("a", "s")
    await other.fleets.delete("a")
    assert await watched.rounds() == 0


async def test_nor_does_one_that_this_dispatcher_deletes_or_makes_anew(watched: Watched, store: Store) -> None:
    await store.sessions.complete("a", "s")
    await store.fleets.delete("a")
    assert await watched.rounds() == 0
    await create(store, spec(*TWO_CLASSES), {"small": 1}, "a")
    assert await watched.rounds() == 0


async def test_nor_does_one_of_which_a_put_has_written_the_name_only(watched: Watched, redis: Redis) -> None:
    redis.sadd("slta:fleets", "half")
    assert await watched.rounds() == 0


async def test_when_all_is_flushed_nobody_can_tell_it_from_a_delete(watched: Watched, redis: Redis) -> None:
    """SltaStoreReplaced speaks of it."""
    redis.flushall()
    assert await watched.rounds() == 0


async def test_a_server_that_evicts_all_its_keys_is_found_out(watched: Watched, store: Store, redis: Redis) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    redis.config_set("maxmemory", 1)
    while redis.dbsize():
        redis.execute_command("SET", "x", "x", "GET")
    assert await watched.rounds(evicted_keys=(await store.eviction()).evicted_keys) == 2


async def test_a_delete_leaves_no_key_that_seems_vanished(watched: Watched, store: Store, redis: Redis) -> None:
    named = [key for key in keys_of(redis, "a") if key.removeprefix("{a}:") in NAMED_KEYS]
    assert await store.fleets.keys_left("a") == len(named) > 10
    await store.sessions.complete("a", "s")
    await store.fleets.delete("a")
    assert await store.fleets.keys_left("a") == 0
