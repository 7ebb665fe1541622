"""How long pools wait for pods that vanished, in a time of the test."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from slta_integrations.kubernetes.desired_pools import Desired, DesiredPool
from slta_integrations.kubernetes.plan import SERVICE, Existing, Pool
from slta_integrations.kubernetes.vanished import GRACE_SECONDS, Vanished

ALL = range(20)


class Scene:
    """Pods `0` to `19` of one Service, and their pools."""

    def __init__(self, pods: Collection[int] = ALL, grace_seconds: float = GRACE_SECONDS) -> None:
        self.vanished = Vanished(grace_seconds)
        self._pools = {str(one): Pool(str(one), "c", "active", 2, "h:1", {SERVICE: "svc"}) for one in pods}

    def see(
        self, now: float, without: Collection[int], ending: Collection[int] = (), listed: Collection[int] = ()
    ) -> None:
        """At `now` the slices have all pods but some; `ending` are terminating, `listed` exist."""
        kept = (one for one in ALL if one not in without)
        pods = {str(one): DesiredPool(str(one), "svc", "c", "h:1", True, one in ending) for one in kept}
        desired = Desired(pods, frozenset({"svc"}), frozenset(), {})
        self.vanished.observe(desired, Existing(self._pools, frozenset()), now)
        if listed:
            self.vanished.listed({str(one) for one in listed})
            self.vanished.observe(desired, Existing(self._pools, frozenset()), now)
        self.vanished.over(now)

    def fails(self, *numbers: int, at: float) -> bool:
        """Whether these fail then, all of them, and none a moment before."""
        return (self.vanished.over(at - 0.1), self.vanished.over(at)) == (set(), set(map(str, numbers)))


def test_pods_that_were_terminating_are_gone_after_the_grace_however_many_there_are() -> None:
    scene = Scene()
    scene.see(5, without=[], ending=range(2, 20))
    scene.see(10, without=ALL)
    assert scene.fails(*range(2, 20), at=10 + GRACE_SECONDS)
    assert (scene.vanished.guarded, scene.vanished.unsure.keys()) == ({}, {"0", "1"})


@pytest.mark.parametrize(
    ("pods", "gone", "grace", "seconds"),
    [(20, 6, 10, 60), (20, 7, 10, 120), (20, 20, 90, 120), (2, 2, 10, 60), (3, 3, 10, 120), (2, 2, 300, 300)],
)
def test_pools_wait_a_minute_or_two_if_many_or_their_grace(pods: int, gone: int, grace: float, seconds: float) -> None:
    scene = Scene(range(pods), grace)
    scene.see(10, without=range(gone))
    assert scene.fails(*range(gone), at=10 + seconds)
    assert scene.vanished.guarded == ({"svc": gone} if seconds == 120 else {})


def test_each_waits_from_when_it_vanished_itself_or_vanished_again() -> None:
    scene = Scene()
    scene.see(10, without=[0, 1])
    scene.see(40, without=[1])
    scene.see(50, without=[0, 1])
    assert scene.fails(1, at=70)
    assert [len(scene.vanished.over(at)) for at in (109, 110)] == [1, 2]


def test_the_last_of_many_to_return_waits_as_long_as_they_did() -> None:
    scene = Scene()
    scene.see(10, without=ALL)
    scene.see(100, without=[3])
    assert scene.fails(3, at=130)


def test_an_outage_does_not_count_as_waiting() -> None:
    scene = Scene()
    scene.see(10, without=[0])
    scene.see(20, without=[0])
    scene.vanished.pause()
    scene.see(500, without=[0])
    assert scene.fails(0, at=500 + 50)


def test_a_pod_that_does_not_exist_is_gone_at_once_and_no_longer_one_of_many() -> None:
    scene = Scene()
    scene.see(10, without=range(8), listed=range(2, 20))
    assert (scene.vanished.over(10), scene.vanished.guarded) == ({"0", "1"}, {})
    assert scene.vanished.unsure.keys() == set("234567")
