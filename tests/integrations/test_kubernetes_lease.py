"""The Lease of the watchers: who may act, and when another takes over."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from slta_integrations.kubernetes.api_server import ApiServer
from slta_integrations.kubernetes.election import Election
from slta_integrations.kubernetes.lease import DEADLINE_SECONDS, LEASE_SECONDS, Holding
from slta_integrations.kubernetes.metrics import Metrics, Telemetry
from slta_integrations.notices import Notices
from testbed.awaiting import DEADLINE_SECONDS as DEADLINE

NOW = "2026-01-01T00:00:00.000000Z"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def holding(identity: str = "a") -> tuple[Holding, Clock]:
    clock = Clock()
    return Holding("slta-kubernetes", identity, clock), clock


def lease(holder: str | None, version: str = "1", **spec: Any) -> dict[str, Any]:
    given = {"holderIdentity": holder, "leaseDurationSeconds": LEASE_SECONDS, "leaseTransitions": 3, **spec}
    return {"metadata": {"name": "slta-kubernetes", "resourceVersion": version}, "spec": given}


def test_without_a_lease_it_is_created() -> None:
    holder, _ = holding()
    written = holder.observe(None, NOW)
    assert written["metadata"] == {"name": "slta-kubernetes"}
    assert written["spec"] == {
        "holderIdentity": "a",
        "leaseDurationSeconds": LEASE_SECONDS,
        "acquireTime": NOW,
        "renewTime": NOW,
        "leaseTransitions": 0,
    }


def test_the_holder_renews_with_the_version_that_it_read() -> None:
    holder, _ = holding()
    written = holder.observe(lease("a", "77", acquireTime="before"), NOW)
    assert written["metadata"]["resourceVersion"] == "77"
    assert (written["spec"]["acquireTime"], written["spec"]["leaseTransitions"]) == ("before", 3)


def test_a_lease_without_a_holder_is_taken_at_once() -> None:
    holder, _ = holding()
    assert holder.observe(lease(None), NOW)["spec"]["leaseTransitions"] == 4


def test_another_holder_is_waited_for_until_its_lease_did_not_change_for_its_duration() -> None:
    holder, clock = holding()
    assert holder.observe(lease("b", "1"), NOW) is None
    clock.now += LEASE_SECONDS - 0.1
    assert holder.observe(lease("b", "2"), NOW) is None
    clock.now += LEASE_SECONDS - 0.1
    assert holder.observe(lease("b", "2"), NOW) is None
    clock.now += 0.1
    assert holder.observe(lease("b", "2"), NOW)["spec"]["holderIdentity"] == "a"


def test_it_may_act_from_its_write_on_until_the_deadline() -> None:
    holder, clock = holding()
    assert not holder.is_held
    holder.renewed(clock.now)
    clock.now += DEADLINE_SECONDS - 0.1
    assert holder.is_held
    clock.now += 0.1
    assert not holder.is_held


def test_each_acquisition_is_another_term() -> None:
    holder, clock = holding()
    holder.renewed(clock.now)
    holder.renewed(clock.now + 1)
    assert holder.term == 1
    holder.observe(lease("b"), NOW)
    holder.renewed(clock.now)
    assert holder.term == 2


def test_a_call_that_is_under_way_ends_before_another_may_take_over() -> None:
    assert DEADLINE_SECONDS + 5 <= LEASE_SECONDS


class EmptyApiServer:
    """An API server without a Lease, which takes what is written."""

    async def read_lease(self, *_: str) -> None:
        return None

    async def write_lease(self, *_: object) -> bool:
        return True


async def test_a_watcher_that_may_act_is_woken() -> None:
    changed, api = asyncio.Event(), cast("ApiServer", EmptyApiServer())
    telemetry = Telemetry(Metrics(), Notices("kubernetes"))
    election = asyncio.create_task(Election(api, "games", "slta-kubernetes", "a", changed, telemetry).run())
    await asyncio.wait_for(changed.wait(), DEADLINE)
    election.cancel()


def test_releasing_leaves_no_holder_but_only_its_own_lease() -> None:
    holder, clock = holding()
    holder.renewed(clock.now)
    written = holder.release(lease("a", "5"))
    assert (written["spec"]["holderIdentity"], written["metadata"]["resourceVersion"]) == (None, "5")
    assert not holder.is_held
    assert holder.release(lease("b")) is None
