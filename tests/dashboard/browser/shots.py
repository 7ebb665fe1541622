"""Pictures of the page, to be looked at: `pytest -m browser tests/dashboard/browser/shots.py` writes them into
build/live.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from redis import Redis

from slta.store.embedded.data_dir import served_socket
from testbed.awaiting import until
from testbed.service_process import ServiceProcess
from tests.dashboard.browser.conftest import BROWSER, PATIENT_MS
from tests.dashboard.conftest import PRICED, fall_ill, fleet_document
from tests.dashboard.kept import prolong

pytestmark = [*BROWSER, pytest.mark.timeout(300)]

FOLDER = Path(__file__).parents[3] / "build" / "live"
POOLS = {"one": (1, 0), "ten": (4, 6), "thousands": (2000, 3000)}
FLEETS = (*POOLS, "ill", "types")
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
SESSIONS_PER_POOL = 9
LOAD_SECONDS = 30
CALL = 1000


class Load:
    """Sessions of one fleet that come and go."""

    def __init__(self, service: ServiceProcess, fleet: str, pools: int, types: Sequence[str] = ("default",)) -> None:
        self._service = service
        self._types = types
        self._fleet = fleet
        self._live: list[str] = []
        self._begun = 0
        self._pools = pools
        self._random = random.Random(pools)
        self.arrive(pools * SESSIONS_PER_POOL)

    def arrive(self, sessions: int) -> None:
        new = [f"s-{self._begun + k}" for k in range(sessions)]
        self._begun += sessions
        self._live += new
        self._call([{"assign": {"session_id": one, "session_type": self._random.choice(self._types)}} for one in new])

    def step(self) -> None:
        """As many leave as come on average."""
        leaving = self._random.randint(0, self._pools // 5)
        gone = [self._live.pop(self._random.randrange(len(self._live))) for _ in range(leaving)]
        self._call([{"complete": {"session_id": one}} for one in gone])
        self.arrive(self._random.randint(0, self._pools // 5))

    def _call(self, operations: list[dict[str, object]]) -> None:
        for start in range(0, len(operations), CALL):
            body = {"operations": operations[start : start + CALL]}
            self._service.call("POST", f"/v1/fleets/{self._fleet}/operations", body)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with a fleet of each size, which has an hour of history and some pools that are not active."""
    folder = tmp_path_factory.mktemp("loaded")
    with ServiceProcess(folder) as service:
        for fleet, (small, large) in POOLS.items():
            service.call("PUT", f"/v1/fleets/{fleet}", fleet_document(small=small, large=large))
        service.call("PUT", "/v1/fleets/types", PRICED)
        fall_ill(service, "ill")
        for change in ("thousands/pools/small-3/fail", "thousands/pools/large-2/drain", "ill/pools/web1-0/drain"):
            service.call("POST", f"/v1/fleets/{change}")
        loads = [Load(service, fleet, sum(pools)) for fleet, pools in POOLS.items()]
        loads += [Load(service, "ill", 10), Load(service, "types", 5, ["call", "chat"])]
        with Redis.from_url(f"unix://{served_socket(folder / 'data')}") as redis:
            for fleet in FLEETS:
                key = f"{{{fleet}}}:past:60"
                redis.delete(key)
                until(partial(_has_two_lines, redis, key))
                prolong(redis, fleet)
        ends = time.monotonic() + LOAD_SECONDS
        while time.monotonic() < ends:
            for load in loads:
                load.step()
        yield service


def _has_two_lines(redis: Redis, key: str) -> bool:
    return int(redis.llen(key)) >= 2


def shoot(page: Page, service: ServiceProcess, fleet: str, name: str) -> None:
    """The whole page, once it has drawn some frames."""
    page.goto(f"{service.url}/#{fleet}")
    expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENT_MS)
    page.wait_for_timeout(2500)
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fleet", [*FLEETS, "/"])
def test_pictures(
    chromium: Browser, loaded: ServiceProcess, fleet: str, size: str, scheme: Literal["light", "dark"]
) -> None:
    width, height = SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    shoot(page, loaded, fleet, f"{fleet.replace('/', 'overview')}-{size}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    context.close()
