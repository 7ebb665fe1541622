"""What a dispatcher makes at its start: nothing that it does not need, and all that the first requests need."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from slta.api.app import ROUTERS
from slta.runtime.bootstrap import freeze_startup_objects
from testbed.awaiting import until
from testbed.service_process import ServiceProcess, serving


def test_what_was_made_at_the_start_is_not_looked_through_again() -> None:
    thresholds = gc.get_threshold()
    ours = [[k] for k in range(1000)]
    freeze_startup_objects()
    try:
        assert gc.get_freeze_count() > len(ours)
        assert [found for found in gc.get_objects() if found is ours] == []
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


LISTING = """
import gc, json, linecache, signal, sys
from slta.cli.__main__ import main
def tell(*_):
    names = [*sys.modules, *linecache.cache]
    print(json.dumps({"event": "loaded", "names": names, "collects": gc.isenabled()}), flush=True)
signal.signal(signal.SIGUSR2, tell)
main()
"""
"""`slta serve` that logs the modules and the source files that it has loaded, when it is signalled."""


def loaded(service: ServiceProcess) -> dict[str, Any]:
    known = len(service.events("loaded"))
    os.kill(service.pid, signal.SIGUSR2)
    until(lambda: len(service.events("loaded")) > known)
    return service.events("loaded")[-1]


@pytest.mark.slow
def test_the_first_scrape_loads_neither_modules_nor_sources(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options, program=("-c", LISTING, "serve")) as (service, client):
        before = loaded(service)
        assert "slta_fleets 1" in client.get("/metrics").text
        assert set(loaded(service)["names"]) == set(before["names"])
    assert before["collects"]


def test_models_of_responses_are_left_to_the_openapi_document() -> None:
    assert not [route.path for router in ROUTERS for route in router.routes if route.response_fields]
