"""The Lease of the watchers: who may act, and when another takes over."""

from __future__ import annotations

from typing import Any

import pytest

from slta_integrations.kubernetes import lease
from slta_integrations.kubernetes.api_server import CONFLICT
from slta_integrations.kubernetes.lease import DEADLINE_SECONDS, LEASE_SECONDS, Lease
from slta_integrations.kubernetes.metrics import Metrics, Telemetry
from slta_integrations.notices import Notices


class Clock:
    """Stands for `time` where the Lease is: it goes on when a test says so."""

    now = 50.0

    def monotonic(self) -> float:
        return self.now


class LeaseServer:
    """One object with a version, as the API server keeps it."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] = {}
        self.version = 0

    async def call(self, method: str, *_: str, none_for: int, json: dict[str, Any] | None = None) -> dict[str, Any]:
        if method != "GET":
            assert json is not None
            assert none_for == CONFLICT
            present = self.lease.get("metadata", {}).get("resourceVersion")
            if (method == "POST") != (not self.lease) or json["metadata"].get("resourceVersion") != present:
                return {}
            self.version += 1
            self.lease = json | {"metadata": json["metadata"] | {"resourceVersion": str(self.version)}}
        return {key: dict(part) for key, part in self.lease.items()}

    @property
    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.lease["spec"]
        return spec


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(lease, "time", made)
    return made


@pytest.fixture
def server() -> LeaseServer:
    return LeaseServer()


@pytest.fixture
def a(server: LeaseServer, clock: Clock) -> Lease:
    return watcher(server, "a")


@pytest.fixture
def b(server: LeaseServer, clock: Clock) -> Lease:
    return watcher(server, "b")


def watcher(server: LeaseServer, identity: str) -> Lease:
    telemetry = Telemetry(Metrics(), Notices("kubernetes"))
    return Lease(server, "games", "slta-kubernetes", identity, telemetry)  # type: ignore[arg-type]


async def test_without_a_lease_it_is_created(server: LeaseServer, a: Lease) -> None:
    assert not a.is_held
    await a.attempt()
    assert a.is_held
    assert server.lease["metadata"]["name"] == "slta-kubernetes"
    assert server.spec["acquireTime"] == server.spec["renewTime"]
    assert (server.spec["holderIdentity"], server.spec["leaseDurationSeconds"]) == ("a", LEASE_SECONDS)


async def test_the_holder_renews_it_and_a_renewal_is_no_other_term(server: LeaseServer, a: Lease) -> None:
    await a.attempt()
    first = server.spec
    await a.attempt()
    assert server.version == 2
    assert server.spec["renewTime"] > first["renewTime"]
    assert (server.spec["acquireTime"], server.spec["leaseTransitions"]) == (first["acquireTime"], 0)
    assert a.term == 1


async def test_another_takes_over_when_the_lease_did_not_change_for_its_duration(
    server: LeaseServer, clock: Clock, a: Lease, b: Lease
) -> None:
    await a.attempt()
    await b.attempt()
    clock.now += LEASE_SECONDS - 0.1
    await a.attempt()
    await b.attempt()
    clock.now += LEASE_SECONDS - 0.1
    await b.attempt()
    assert not b.is_held
    clock.now += 0.1
    await b.attempt()
    assert b.is_held
    assert (server.spec["holderIdentity"], server.spec["leaseTransitions"]) == ("b", 1)


async def test_it_may_act_from_its_write_on_until_the_deadline(clock: Clock, a: Lease) -> None:
    await a.attempt()
    clock.now += DEADLINE_SECONDS - 0.1
    assert a.is_held
    clock.now += 0.1
    assert not a.is_held


def test_a_call_that_is_under_way_ends_before_another_may_take_over() -> None:
    assert DEADLINE_SECONDS + 5 <= LEASE_SECONDS


async def test_a_holder_that_lost_it_stops_at_once_and_a_later_acquisition_is_another_term(
    server: LeaseServer, a: Lease, b: Lease
) -> None:
    await a.attempt()
    server.spec["holderIdentity"] = "b"
    await a.attempt()
    assert not a.is_held
    server.spec["holderIdentity"] = None
    await a.attempt()
    assert (a.is_held, a.term) == (True, 2)


async def test_of_two_writes_to_one_version_the_second_holds_nothing(
    server: LeaseServer, monkeypatch: pytest.MonkeyPatch, a: Lease, b: Lease
) -> None:
    call = server.call

    async def overtaken(method: str, *names: str, **options: Any) -> dict[str, Any]:
        monkeypatch.setattr(server, "call", call)
        found = await server.call(method, *names, **options)
        await b.attempt()
        return found

    monkeypatch.setattr(server, "call", overtaken)
    await a.attempt()
    assert (a.is_held, b.is_held) == (False, True)


async def test_a_released_lease_is_taken_at_once_and_only_its_holder_releases_it(
    server: LeaseServer, a: Lease, b: Lease
) -> None:
    await a.attempt()
    await b.release()
    assert server.spec["holderIdentity"] == "a"
    await a.release()
    await b.attempt()
    assert (a.is_held, b.is_held) == (False, True)
