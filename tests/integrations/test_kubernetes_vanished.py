"""How long pools wait for pods that vanished, in a time of the test."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from slta_integrations.kubernetes.plan import SERVICE, Existing, Pool
from slta_integrations.kubernetes.vanished import GRACE_SECONDS, MASS_SECONDS, VANISHED_SECONDS, Vanished
from slta_integrations.kubernetes.wanted import Desired, WantedPool


class Scene:
    """Twenty pods `0` to `19` of one Service, and their pools."""

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        self.vanished = Vanished(grace_seconds)
        self.pools = {str(number): Pool(str(number), "c", "active", 2, "h:1", {SERVICE: "svc"}) for number in range(20)}
        self.see(0.0)

    def see(
        self,
        now: float,
        without: Collection[int] = (),
        ending: Collection[int] = (),
        exists: bool = True,
        listed: Collection[int] | None = None,
    ) -> None:
        """At `now` the slices have all pods but some; `ending` are terminating, `listed` exist."""
        kept = (number for number in range(20) if number not in without)
        pods = {str(one): WantedPool(str(one), "svc", "c", "h:1", True, one in ending) for one in kept}
        desired = Desired(pods, frozenset({"svc"} if exists else ()), frozenset(), {})
        self.vanished.observe(desired, Existing(self.pools, frozenset()), now)
        if listed is not None:
            self.vanished.listed({str(number) for number in listed})
            self.vanished.observe(desired, Existing(self.pools, frozenset()), now)
        self.vanished.over(now)

    def waits_until(self, end: float, *numbers: int) -> bool:
        """Whether these are over at `end`, all of them, and none a moment before."""
        return (self.vanished.over(end - 0.1), self.vanished.over(end)) == (set(), set(map(str, numbers)))


ALL = range(20)


def test_a_pod_that_was_terminating_is_gone_after_the_grace_however_many_there_are() -> None:
    scene = Scene()
    scene.see(5, ending=ALL)
    scene.see(10, without=ALL)
    assert scene.waits_until(10 + GRACE_SECONDS, *ALL)
    assert (scene.vanished.guarded, scene.vanished.unsure) == ({}, set())


@pytest.mark.parametrize(("count", "seconds"), [(1, 60), (2, 60), (6, 60), (7, 120), (20, 120)])
def test_any_other_waits_a_minute_and_two_with_more_than_a_third(count: int, seconds: float) -> None:
    scene = Scene()
    scene.see(10, without=range(count))
    assert scene.waits_until(10 + seconds, *range(count))
    assert scene.vanished.guarded == ({"svc": count} if seconds > 60 else {})
    assert (VANISHED_SECONDS, MASS_SECONDS) == (60, 120)


def test_two_of_two_are_no_mass() -> None:
    scene = Scene()
    scene.pools = {id_: scene.pools[id_] for id_ in "01"}
    scene.see(10, without=ALL)
    assert scene.waits_until(70, 0, 1)


def test_those_that_end_do_not_count_for_others() -> None:
    scene = Scene()
    scene.see(5, ending=range(6))
    scene.see(10, without=range(8), ending=range(8, 15))
    assert scene.vanished.guarded == {}
    scene.see(11, without=[*range(6), 17, 18, 19], ending=range(8, 15))
    assert scene.vanished.guarded == {"svc": 3}, "3 of 7 that are not ending"


def test_each_waits_from_when_it_vanished_itself() -> None:
    scene = Scene()
    scene.see(10, without=[0])
    scene.see(40, without=[0, 1])
    assert scene.waits_until(70, 0)
    assert [scene.vanished.over(end) for end in (99, 100)] == [{"0"}, {"0", "1"}]


def test_the_last_of_many_to_return_waits_as_long_as_they_did() -> None:
    scene = Scene()
    scene.see(10, without=ALL)
    scene.see(100, without=[3])
    assert scene.waits_until(130, 3)


def test_a_pod_that_returned_or_whose_service_has_no_slice_has_its_whole_wait_again() -> None:
    scene = Scene()
    scene.see(10, without=[0, 1])
    scene.see(60, without=[1])
    scene.see(65, without=[0, 1], exists=False)
    assert not scene.vanished.waits
    scene.see(80, without=[0, 1])
    assert scene.waits_until(140, 0, 1)


def test_an_outage_does_not_count_as_waiting() -> None:
    scene = Scene()
    scene.see(10, without=ALL)
    scene.see(20, without=ALL)
    scene.vanished.pause()
    scene.see(500, without=ALL)
    assert scene.waits_until(500 + 110, *ALL)


def test_a_pod_that_does_not_exist_is_gone_at_once_and_no_longer_one_of_many() -> None:
    scene = Scene()
    scene.see(10, without=range(8), listed=range(2, 20))
    assert (scene.vanished.over(10), scene.vanished.guarded) == ({"0", "1"}, {})
    assert scene.vanished.unsure == set("234567")


def test_a_failed_pool_has_nothing_to_wait_for() -> None:
    scene = Scene()
    scene.pools |= {id_: scene.pools[id_]._replace(status="failed") for id_ in map(str, ALL)}
    scene.see(10, without=ALL)
    assert scene.waits_until(20, *ALL)


def test_nobody_waits_shorter_than_the_grace() -> None:
    scene = Scene(300.0)
    scene.see(5, ending=[0])
    scene.see(10, without=[0, 1])
    assert scene.waits_until(310, 0, 1)
