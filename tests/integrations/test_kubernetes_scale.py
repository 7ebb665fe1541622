"""`slta kubernetes` with 10,000 pods, and with 2,000 changes a minute. With -s it prints the figures of the page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from lab.benchmarks.processor import seconds_of
from slta_integrations.kubernetes.desired_pools import pool_id
from testbed.awaiting import until
from testbed.live_fleet import Fleet
from testbed.processes import Process, memory_kib
from tests.integrations.api_server import FakeApiServer, Object, endpoint, slice_of, uid_of
from tests.integrations.watching import watcher

PODS, PER_SLICE = 10_000, 100
SLICES = PODS // PER_SLICE
CHANGES_PER_MINUTE = 2000


class Pods:
    """Pods `p-0` to `p-9999`, 100 a slice; `renew` puts a new one in the place of one."""

    def __init__(self, api: FakeApiServer) -> None:
        self._api = api
        self.names = [f"p-{number}" for number in range(PODS)]
        self._endpoints = [self._endpoint(number) for number in range(PODS)]
        api.put(*(self._slice(number) for number in range(SLICES)))

    def renew(self, number: int, generation: int) -> None:
        self.names[number] = f"p-{number}-{generation}"
        self._endpoints[number] = self._endpoint(number)
        self._api.put(self._slice(number // PER_SLICE))

    def _endpoint(self, number: int) -> Object:
        return endpoint(self.names[number], f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")

    def _slice(self, number: int) -> Object:
        return slice_of(f"c-{number}", "svc-c", self._endpoints[number * PER_SLICE : (number + 1) * PER_SLICE])

    @property
    def pool_ids(self) -> set[str]:
        return {pool_id(name, uid_of(name)) for name in self.names}


def own_pools(fleet: Fleet) -> set[str]:
    """All but those that the fleet began with."""
    found: set[str] = set()
    cursor = "0"
    while cursor:
        page = fleet.call("GET", f"pools?limit=1000&cursor={cursor}")
        found |= {pool["pool_id"] for pool in page["pools"] if pool["status"] == "active"}
        cursor = page["next_cursor"]
    return found - {"c-1", "c-2", "c-3"}


@contextmanager
def measured(what: str, pid: int) -> Iterator[None]:
    """Print the time that passes, and the processor time of a process in it."""
    since, used = time.monotonic(), seconds_of([pid])
    yield
    seconds, processor = time.monotonic() - since, seconds_of([pid]) - used
    print(f"{what}: {seconds:.1f} s, {processor:.1f} s of processor, at most {memory_kib(pid)} kB")


def is_settled(fleet: Fleet) -> bool:
    """As many pools as pods, all active."""
    counts = fleet.call("GET", "state")["pools"]
    return (counts["active"], counts["draining"], counts["failed"]) == (PODS + 3, 0, 0)


@pytest.mark.slow
def test_10000_pods_become_pools(api: FakeApiServer, fleet: Fleet, tmp_path: Path) -> None:
    pods = Pods(api)
    with Process(*watcher(api, fleet, tmp_path), is_clean=True) as process, measured("10,000 pods", process.pid):
        until(lambda: is_settled(fleet), (httpx.HTTPError,))
        assert own_pools(fleet) == pods.pool_ids


@pytest.mark.campaign
def test_2000_changes_a_minute_are_followed(api: FakeApiServer, fleet: Fleet, tmp_path: Path) -> None:
    pods = Pods(api)
    with Process(*watcher(api, fleet, tmp_path), is_clean=True) as process:
        until(lambda: is_settled(fleet), (httpx.HTTPError,))
        begun = time.monotonic()
        with measured("2,000 pods replaced", process.pid):
            for change in range(CHANGES_PER_MINUTE):
                time.sleep(max(0.0, begun + change * 60 / CHANGES_PER_MINUTE - time.monotonic()))
                pods.renew(change * 7 % PODS, change)
        with measured("the last of them", process.pid):
            until(lambda: is_settled(fleet) and own_pools(fleet) == pods.pool_ids, (httpx.HTTPError,))
