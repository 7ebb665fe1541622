"""What the tests of metrics share: a patient store, and how long callbacks hold the event loop."""

from __future__ import annotations

import gc
import sys
from asyncio.events import Handle
from collections.abc import Iterator
from functools import partial
from time import thread_time

import pytest

from slta.metrics import Metrics
from slta.runtime.bootstrap import freeze_startup_objects
from slta.store import StoreSettings
from tests.servers import Server, own_server

PATIENT = partial(StoreSettings, connect_timeout_seconds=5, call_timeout_seconds=30, deadline_seconds=60)
"""A slow machine is not a store that is gone."""
CALLBACK_SECONDS = 0.02 if sys.gettrace() is None else 0.08
"""Of processor time, for which the event loop may be held; coverage makes each line take several times as long."""


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The processor time of each callback of the event loop."""
    seconds: list[float] = []
    run = Handle._run

    def timed(handle: Handle) -> None:
        began = thread_time()
        run(handle)
        seconds.append(thread_time() - began)

    monkeypatch.setattr(Handle, "_run", timed)
    return seconds


@pytest.fixture
def server() -> Iterator[Server]:
    with own_server() as running:
        yield running


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def settled() -> Iterator[None]:
    """As a dispatcher is when it begins to serve."""
    thresholds = gc.get_threshold()
    freeze_startup_objects()
    yield
    gc.set_threshold(*thresholds)
