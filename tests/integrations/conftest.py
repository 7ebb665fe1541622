"""A real dispatcher with its embedded store, a fleet for each test, and followers of a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from slta_integrations.follow import command, follower
from slta_integrations.follow.log_tail import LogTail
from testbed.live_fleet import Fleet
from testbed.service_process import ServiceProcess
from testbed.threaded_relay import ThreadedRelay
from tests.integrations.agents import Simulation
from tests.integrations.api_server import slice_of
from tests.integrations.deployments import ScalingApiServer
from tests.integrations.following import Following
from tests.integrations.kubernetes_scene import clock, scene  # noqa: F401 - fixtures
from tests.integrations.logs import Log, Tailed

NewFollower = Callable[..., Following]
NewTail = Callable[..., Tailed]


@pytest.fixture(autouse=True)
def _end_simulations() -> Iterator[None]:
    yield
    while Simulation.begun:
        Simulation.begun.pop().close()


@pytest.fixture
def fleet(shared_service: ServiceProcess) -> Fleet:
    """Three pools of one class on a dispatcher that stays."""
    return Fleet.create(shared_service)


@pytest.fixture
def between(shared_service: ServiceProcess) -> Iterator[ThreadedRelay]:
    """A relay to the dispatcher that stays."""
    with ThreadedRelay(shared_service.port) as made:
        yield made


@pytest.fixture
def api() -> Iterator[ScalingApiServer]:
    """With one empty slice, as a Service without pods has."""
    with ScalingApiServer() as server:
        server.put(slice_of("c-aaaaa", "svc-c", None))
        yield server


@pytest.fixture
def log(tmp_path: Path) -> Log:
    made = Log(tmp_path / "proxy.log")
    made.write("before")
    return made


@pytest.fixture
def new_tail(log: Log) -> Iterator[NewTail]:
    with ExitStack() as stack:

        def new(**options: Any) -> Tailed:
            tailed = Tailed(log, options=options)
            stack.callback(tailed.close)
            return tailed

        yield new


@pytest.fixture
def tailed(new_tail: NewTail) -> Tailed:
    return new_tail()


@pytest.fixture
def new_follower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewFollower]:
    """Starts followers; all of a test have the same state directory unless it says otherwise.

    They save the position at the start and after answers only, and leave a rotated file soon.
    """
    monkeypatch.setattr(command, "LogTail", partial(LogTail, rotate_wait_seconds=0.1))
    monkeypatch.setattr(follower, "SAVE_SECONDS", float("inf"))
    with ExitStack() as stack:

        def new(fleet: Fleet, url: str | None = None, **options: Any) -> Following:
            following = Following(url or fleet.service.url, fleet.name, **{"state_dir": tmp_path / "state", **options})
            stack.callback(following.stop)
            return following

        yield new
