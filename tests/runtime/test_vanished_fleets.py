"""A fleet that vanished is told from one that was deleted, and from one that is being made."""

from __future__ import annotations

import pytest
from redis import Redis

from slta.fleet_file import Specs
from slta.models.errors import NewerFleetError, StoreUnavailableError, UnknownFleetError
from slta.runtime import vanished_fleets
from slta.runtime.automatic_repairs import AutomaticRepairs
from slta.runtime.ticks import Ticks
from slta.runtime.vanished_fleets import ABSENT_SECONDS, Absences, Verdict
from slta.store import Store
from slta.store.fleets import NAMED_KEYS
from tests.runtime.conftest import Opening
from tests.store.fleets import TWO_CLASSES, create, spec

GONE, BUSY = UnknownFleetError.code, StoreUnavailableError.code


@pytest.fixture
def absences() -> Absences:
    """`f` was ticked at 0 s and absent at 1 s."""
    found = Absences()
    assert found.due({"f": ""}, 0) == found.due({"f": GONE}, 1) == []
    return found


def judge(absences: Absences, fleet: str, now: float = 0, *, listed: bool, keys_left: bool = False) -> Verdict:
    verdict = absences.verdict(fleet, now, listed=listed, keys_left=keys_left)
    if verdict != "pending":
        absences.judged(fleet)
    return verdict


def test_a_fleet_is_judged_once_when_it_has_been_absent_for_long_enough(absences: Absences) -> None:
    due = 1 + ABSENT_SECONDS
    assert absences.due({"f": GONE}, due - 0.1) == []
    assert absences.due({"f": GONE}, due) == ["f"]
    assert judge(absences, "f", listed=True) == "lost"
    assert absences.due({"f": GONE}, due + 99) == []


def test_a_fleet_that_came_back_is_not_judged(absences: Absences) -> None:
    assert absences.due({"f": ""}, 2) == []
    assert absences.due({"f": GONE}, 3) == []
    assert absences.due({"f": GONE}, 1 + ABSENT_SECONDS) == []
    assert absences.due({"f": GONE}, 3 + ABSENT_SECONDS) == ["f"]


def test_one_that_came_back_after_it_had_vanished_can_vanish_again(absences: Absences) -> None:
    assert absences.due({"f": GONE}, 9) == ["f"]
    assert judge(absences, "f", listed=True) == "lost"
    assert absences.due({"f": ""}, 10) == absences.due({"f": GONE}, 11) == []
    assert absences.due({"f": GONE}, 19) == ["f"]
    assert judge(absences, "f", listed=True) == "lost"


def test_a_tick_that_failed_says_neither_that_it_is_there_nor_that_it_is_gone(absences: Absences) -> None:
    assert absences.due({"f": BUSY}, 99) == []
    assert absences.due({"f": GONE}, 100) == ["f"]
    assert Absences().due({"g": BUSY}, 99) == []


def test_a_fleet_that_refuses_its_tick_is_there(absences: Absences) -> None:
    assert absences.due({"f": NewerFleetError.code}, 99) == absences.due({"f": GONE}, 100) == []


def test_a_fleet_off_the_list_is_absent_and_forgotten_once_it_was_judged(absences: Absences) -> None:
    assert absences.due({}, 9) == ["f"]
    assert judge(absences, "f", listed=False) == "deleted"
    assert absences.due({}, 99) == []


def test_one_off_the_list_vanished_if_the_server_has_evicted_keys_since_it_was_there() -> None:
    absences = Absences()
    assert absences.due({"f": "", "half": GONE, "g": ""}, 0, 500) == []
    assert absences.due({"f": "", "half": GONE, "g": ""}, 9, 500) == ["half"]
    assert judge(absences, "half", listed=True) == "deleted"
    assert absences.due({"f": "", "half": GONE, "g": ""}, 10, 510) == []
    assert absences.due({"half": GONE, "g": ""}, 11, 510) == ["f"]
    assert judge(absences, "f", 11, listed=False, keys_left=True) == "pending"
    assert absences.due({"half": GONE, "g": ""}, 19, 510) == ["f"]
    assert judge(absences, "f", listed=False) == "deleted"
    assert absences.due({"half": GONE}, 20, 511) == ["g"]
    assert judge(absences, "g", 20, listed=False, keys_left=True) == "pending"
    assert absences.due({"half": GONE}, 29, 511) == ["g"]
    assert judge(absences, "g", listed=False) == "lost"


def test_what_was_evicted_before_does_not_count() -> None:
    absences = Absences()
    for now, evicted in ((0, 0), (1, 7)):
        assert absences.due({"f": ""}, now, evicted) == []
    assert absences.due({}, 9, 7) == ["f"]
    assert judge(absences, "f", 9, listed=False, keys_left=True) == "pending"
    assert absences.due({}, 19, 7) == ["f"]
    assert judge(absences, "f", listed=False) == "deleted"


@pytest.mark.parametrize(
    ("first", "then", "verdict"),
    [(True, True, "relisted"), (False, True, "undeleted"), (True, False, "deleted"), (False, False, "deleted")],
)
def test_one_off_the_list_is_looked_at_twice(first: bool, then: bool, verdict: Verdict) -> None:
    absences = Absences()
    absences.found(["f"])
    assert absences.due({}, 7) == ["f"]
    assert judge(absences, "f", 7, listed=False, keys_left=first) == "pending"
    assert absences.due({}, 7 + ABSENT_SECONDS - 0.1) == []
    assert absences.due({}, 7 + ABSENT_SECONDS) == ["f"]
    assert judge(absences, "f", listed=False, keys_left=then) == verdict


def test_a_name_that_was_never_ticked_is_no_fleet_unless_keys_of_it_are_left() -> None:
    for keys_left in (False, True):
        absences = Absences()
        assert absences.due({"f": GONE}, 0) == []
        assert absences.due({"f": GONE}, 9) == ["f"]
        assert (judge(absences, "f", listed=True, keys_left=keys_left) == "lost") == keys_left


class Watched:
    """A dispatcher's ticks, which judge an absent fleet in the round after."""

    def __init__(self, store: Store) -> None:
        self.vanished: list[str] = []
        self.ticks = Ticks(store, AutomaticRepairs(store, Specs(), lambda *_: None), vanished=self.vanished.append)

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


async def test_all_are_listed_again_when_the_list_is_lost(watched: Watched, store: Store, redis: Redis) -> None:
    redis.unlink("slta:fleets")
    assert await watched.rounds() == 2
    assert watched.vanished == ["relisted"] * 2
    assert await store.fleets.names() == ["a", "b"]


async def test_one_whose_delete_is_undone_is_listed_again_and_told_apart(
    watched: Watched, store: Store, redis: Redis
) -> None:
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


async def test_a_fleet_that_is_deleted_while_it_is_listed_again_leaves_no_name(
    store: Store, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_it = store.fleets._list

    async def delete_first(fleet: str) -> None:
        redis.unlink(*keys_of(redis, fleet))
        await list_it(fleet)

    monkeypatch.setattr(store.fleets, "_list", delete_first)
    with pytest.raises(UnknownFleetError):
        await store.fleets.relist("a")
    assert await store.fleets.names() == ["b"]


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
