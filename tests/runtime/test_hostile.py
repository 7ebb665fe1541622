"""Connections beyond the limit, against a real process, and how many there may be."""

from __future__ import annotations

import contextlib
import re
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import httpx
import pytest

from slta.runtime import bootstrap
from slta.runtime.settings import Settings
from slta.server.server import ListenError
from testbed.awaiting import until
from testbed.service_process import ServiceProcess, serving
from testbed.strangers import stranger


def test_at_its_limit_it_says_so_and_serves_those_who_ask(tmp_path: Path) -> None:
    with serving(tmp_path, SLTA_MAX_CONNECTIONS="40") as (running, client), contextlib.ExitStack() as stack:
        for number in range(60):
            stack.enter_context(stranger(running.port, number))
        # The client's own connection, idle before, may have been among those that made room.
        assert httpx.get(f"{client.base_url}/healthz").status_code == 200
        until(lambda: running.events("too_many_connections"))
        metrics = httpx.get(f"{client.base_url}/metrics").text
        assert re.search(r'^slta_connections_refused_total\{reason="evicted"\} \d+', metrics, re.MULTILINE)
        [open_now] = re.findall(r"^slta_connections (\S+)$", metrics, re.MULTILINE)
        assert 1 <= float(open_now) <= 45
    assert {event["most"] for event in running.events("too_many_connections")} == {40}


@pytest.fixture
def few_files() -> Iterator[int]:
    """The soft limit of open files is low meanwhile; the hard limit."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, limits[1]))
    yield limits[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_all_files_count_that_the_process_may_open(few_files: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []

    def dispatcher(*_: object) -> NoReturn:
        found.append(resource.getrlimit(resource.RLIMIT_NOFILE))
        raise ListenError

    monkeypatch.setattr(bootstrap, "Dispatcher", dispatcher)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(ListenError):
        bootstrap.serve(Settings(auth=False, store_url="redis://localhost"))
    assert found == [(few_files, few_files)]


@pytest.mark.slow
def test_more_connections_than_all_files_allow_are_refused_at_the_start(tmp_path: Path, few_files: int) -> None:
    settings = {"SLTA_MAX_CONNECTIONS": "100000000"}
    refused = ServiceProcess(tmp_path, "--log-level", "error", settings=settings).launch()
    assert refused.wait() == 2
    room = f"the limit of open files allows at most {few_files - 128}"
    assert refused.output.startswith(f"slta: max_connections=100000000: {room}")
