"""HAProxy has slta place a share of the sessions: both shares are compared, and what the other share loses is found."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import aiohttp
import pytest

from testbed.awaiting import DEADLINE_SECONDS, eventually
from testbed.proxies.clients import url
from testbed.proxies.haproxy import HAPROXY, set_share
from testbed.proxies.proxy import Setup
from testbed.proxies.system import System

pytestmark = [pytest.mark.proxies, pytest.mark.needs("haproxy")]
LOSS = 0.1
"""Of a session on a small pool. HAProxy uses all pools alike, so its sessions lose half of that: 5 % of a large one."""
CURVES = {name: {"kind": "linear", "slope": slope} for name, slope in {"small": 1 - LOSS, "large": 1.0}.items()}
SESSIONS = {0: 500, 1: 1500, 10: 600, 50: 400, 100: 200}
"""By share in percent: of 1 %, three standard errors are 0.8 points."""
AT_ONCE = 20
BEGIN = "  http-response lua.slta_begin\n"


class Sample(NamedTuple):
    """Sessions of one share: pools by who chose them, as HAProxy tells, and the differences that slta found."""

    placed: list[str]
    chosen: list[str]
    found: Mapping[str, Any]

    def is_share(self, percent: int) -> bool:
        """Within three standard errors."""
        total = len(self.placed) + len(self.chosen)
        error = math.sqrt(percent / 100 * (1 - percent / 100) / total)
        return abs(len(self.placed) / total - percent / 100) <= 3 * error

    @property
    def loss(self) -> float:
        """Mean of the sessions that HAProxy placed by itself."""
        return LOSS * sum(pool.startswith("small") for pool in self.chosen) / len(self.chosen)

    @property
    def found_loss(self) -> tuple[float, float]:
        """Difference of the means, and its standard error."""
        placed, reported = self.found["placed"], self.found["reported"]
        return reported["mean"] - placed["mean"], math.hypot(placed["standard_error"], reported["standard_error"])


def telling_edits(setup: Setup) -> Mapping[str, str]:
    """As a user's, and responses tell who chose the pool."""
    told = "  http-response set-header x-placed yes if { var(txn.slta_pool) -m found }\n"
    return {**HAPROXY.edits(setup), BEGIN: told + BEGIN}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    proxy, folder = replace(HAPROXY, edits=telling_edits), tmp_path_factory.mktemp("shares")
    with System(proxy, folder, follow=True, curves=CURVES) as made:
        yield made


async def sampled(system: System, percent: int, count: int) -> Sample:
    """So many sessions of a share, to their end."""
    set_share(system.setup, percent)
    before, begin = begun(system), system.call("GET", "/state")["integrals"]
    chooses: dict[bool, list[str]] = {True: [], False: []}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as client:

        async def session() -> None:
            async with client.get(url(system, "/play")) as answer:
                assert answer.status == 200
                chooses["x-placed" in answer.headers].append(answer.headers["x-pool"])

        await asyncio.gather(*(session() for _ in range(count)))
    await eventually(lambda: begun(system) - before == count and system.active() == 0)
    found = system.call("GET", f"/averages?since={begin}")["difference_at_placing_by_source"]
    return Sample(chooses[True], chooses[False], found)


def begun(system: System) -> float:
    """Sessions that slta has placed, or that were reported to it."""
    outcomes = system.followed()
    return sum(outcomes.get(f'answers_total{{operation="report",outcome="{code}"}}', 0) for code in ("same", "new"))


async def holds(system: System, percent: int, count: int, right: Callable[[Sample], bool]) -> bool:
    """Of one sample or another: of right ones, one in 370 is beyond three standard errors."""
    return right(await sampled(system, percent, count)) or right(await sampled(system, percent, count))


@pytest.mark.parametrize("percent", SESSIONS)
async def test_slta_places_as_many_of_the_sessions_as_the_share_says(shared: System, percent: int) -> None:
    assert await holds(shared, percent, SESSIONS[percent], lambda sample: sample.is_share(percent))


async def test_a_loss_of_5_percent_in_the_other_share_is_found(shared: System) -> None:
    def is_found(sample: Sample) -> bool:
        assert sample.loss == pytest.approx(0.05, abs=0.01)
        found, error = sample.found_loss
        assert found > 3 * error
        return abs(found - sample.loss) <= 3 * error

    assert await holds(shared, 10, 2000, is_found)


async def test_the_differences_of_both_shares_stand_in_state_and_averages(shared: System) -> None:
    await until_in_averages(shared)
    state = shared.call("GET", "/state")["difference_at_placing_by_source"]
    averages = shared.call("GET", "/averages?window=3600")["difference_at_placing_by_source"]
    for source in ("placed", "reported"):
        assert state[source]["sessions"] >= averages[source]["sessions"] > 0


async def until_in_averages(system: System) -> None:
    """Two sessions of either source were drawn since the first line of the fleet's history."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            await sampled(system, 50, 400)
            found = system.call("GET", "/averages?window=3600")["difference_at_placing_by_source"]
            if min(found["placed"]["sessions"], found["reported"]["sessions"]) > 1:
                return
