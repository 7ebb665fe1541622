"""A fleet that vanished is told from one that was deleted, and from one that is being made."""

from __future__ import annotations

import pytest
from redis import Redis

from slta.fleet_file import Specs
from slta.models.errors import NewerFleetError, StoreUnavailableError, UnknownFleetError
from slta.runtime import vanished_fleets
from slta.runtime.automatic_repairs import AutomaticRepairs
from slta.runtime.ticks import Ticks
from slta.runtime.vanished_fleets import ABSENT_SECONDS, Absences
from slta.store import Store
from slta.store.fleets import NAMED_KEYS
from tests.runtime.conftest import Opening
from tests.store.fleets import TWO_CLASSES, create, spec

GONE, BUSY = UnknownFleetError.code, StoreUnavailableError.code


@pytest.fixture
def absences() -> Absences:
    """`f` was ticked at 0 s and absent at 1 s."""
    found = Absences()
    assert found.overdue({"f": ""}, 0) == found.overdue({"f": GONE}, 1) == []
    return found


def test_a_fleet_is_judged_once_when_it_has_been_absent_for_long_enough(absences: Absences) -> None:
    due = 1 + ABSENT_SECONDS
    assert absences.overdue({"f": GONE}, due - 0.1) == []
    assert absences.overdue({"f": GONE}, due) == ["f"]
    assert absences.has_vanished("f", listed=True, keys_left=False)
    assert absences.overdue({"f": GONE}, due + 99) == []


def test_a_fleet_that_came_back_is_not_judged(absences: Absences) -> None:
    assert absences.overdue({"f": ""}, 2) == []
    assert absences.overdue({"f": GONE}, 3) == []
    assert absences.overdue({"f": GONE}, 1 + ABSENT_SECONDS) == []
    assert absences.overdue({"f": GONE}, 3 + ABSENT_SECONDS) == ["f"]


def test_one_that_came_back_after_it_had_vanished_can_vanish_again(absences: Absences) -> None:
    assert absences.overdue({"f": GONE}, 9) == ["f"]
    assert absences.has_vanished("f", listed=True, keys_left=False)
    assert absences.overdue({"f": ""}, 10) == absences.overdue({"f": GONE}, 11) == []
    assert absences.overdue({"f": GONE}, 19) == ["f"]
    assert absences.has_vanished("f", listed=True, keys_left=False)


def test_a_tick_that_failed_says_neither_that_it_is_there_nor_that_it_is_gone(absences: Absences) -> None:
    assert absences.overdue({"f": BUSY}, 99) == []
    assert absences.overdue({"f": GONE}, 100) == ["f"]
    assert Absences().overdue({"g": BUSY}, 99) == []


def test_a_fleet_that_refuses_its_tick_is_there(absences: Absences) -> None:
    assert absences.overdue({"f": NewerFleetError.code}, 99) == absences.overdue({"f": GONE}, 100) == []


def test_a_fleet_off_the_list_is_absent_and_forgotten_once_it_was_judged(absences: Absences) -> None:
    assert absences.overdue({}, 9) == ["f"]
    assert not absences.has_vanished("f", listed=False, keys_left=False)
    assert absences.overdue({}, 99) == []


def test_one_off_the_list_vanished_if_the_server_has_evicted_keys_since_it_was_there() -> None:
    absences = Absences()
    assert absences.overdue({"f": "", "half": GONE, "g": ""}, 0, 500) == []
    assert absences.overdue({"f": "", "half": GONE, "g": ""}, 9, 500) == ["half"]
    assert not absences.has_vanished("half", listed=True, keys_left=False)
    assert absences.overdue({"f": "", "half": GONE, "g": ""}, 10, 510) == []
    assert absences.overdue({"half": GONE, "g": ""}, 11, 510) == []
    assert absences.overdue({"half": GONE, "g": ""}, 19, 510) == ["f"]
    assert not absences.has_vanished("f", listed=False, keys_left=False)
    assert absences.overdue({"half": GONE}, 20, 511) == []
    assert absences.overdue({"half": GONE}, 29, 511) == ["g"]
    assert absences.has_vanished("g", listed=False, keys_left=False)


def test_what_was_evicted_before_does_not_count() -> None:
    absences = Absences()
    for now, evicted in ((0, 0), (1, 7)):
        assert absences.overdue({"f": ""}, now, evicted) == []
    assert absences.overdue({}, 9, 7) == []
    assert absences.overdue({}, 19, 7) == ["f"]
    assert not absences.has_vanished("f", listed=False, keys_left=False)


def test_a_name_that_was_never_ticked_is_no_fleet_unless_keys_of_it_are_left() -> None:
    for keys_left in (False, True):
        absences = Absences()
        assert absences.overdue({"f": GONE}, 0) == []
        assert absences.overdue({"f": GONE}, 9) == ["f"]
        assert absences.has_vanished("f", listed=True, keys_left=keys_left) == keys_left


class Watched:
    """A dispatcher's ticks, which judge an absent fleet in the round after."""

    def __init__(self, store: Store) -> None:
        self.vanished = 0
        self._ticks = Ticks(store, AutomaticRepairs(store, Specs(), lambda *_: None), vanished=self._count)

    def _count(self) -> None:
        self.vanished += 1

    async def rounds(self, most: int = 3, evicted_keys: int = 0) -> int:
        """How many fleets vanished in them."""
        before = self.vanished
        for _ in range(most):
            assert await self._ticks.round(evicted_keys) == ""
            await self._ticks.tick(["a", "b"])
        return self.vanished - before


@pytest.fixture
async def watched(store: Store, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """It has ticked `a` and `b`."""
    monkeypatch.setattr(vanished_fleets, "ABSENT_SECONDS", 0)
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
    assert all(word in said[0] for word in ("fleet=a", "listed=True", "keys_left=0"))


async def test_one_that_lost_its_state_alone_is_repaired_and_does_not_vanish(watched: Watched, redis: Redis) -> None:
    redis.unlink("{a}:state")
    assert await watched.rounds() == 0


async def test_so_do_all_when_the_list_is_lost(watched: Watched, redis: Redis) -> None:
    redis.unlink("slta:fleets")
    assert await watched.rounds() == 2


@pytest.mark.parametrize("left", ["{a}:sessions", "{a}:pools", "{a}:used:0"])
async def test_a_process_that_never_ticked_it_knows_it_by_a_key_that_is_left(
    watched: Watched, store: Store, redis: Redis, left: str
) -> None:
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


async def test_delete_leaves_no_key_by_which_a_fleet_would_seem_to_have_vanished(
    watched: Watched, store: Store, redis: Redis
) -> None:
    named = [key for key in keys_of(redis, "a") if key.removeprefix("{a}:") in NAMED_KEYS]
    assert await store.fleets.keys_left("a") == len(named) > 10
    await store.sessions.complete("a", "s")
    await store.fleets.delete("a")
    assert await store.fleets.keys_left("a") == 0
