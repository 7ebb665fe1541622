"""The examples of the client library run as they are, on a real dispatcher, and leave no session behind."""

from __future__ import annotations

import asyncio
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import httpx
import pytest

from slta_client import AsyncClient
from testbed.awaiting import eventually, until
from testbed.live_fleet import Fleet
from testbed.processes import Process
from testbed.servers import free_port
from testbed.service_process import ServiceProcess
from tests.docs.pages import ROOT

EXAMPLES = ROOT / "examples/client"
LEASE_SECONDS = 2.0
LINES = 65
"""So many are read in a minute."""
IN_PROCESS = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient` is deprecated")


@pytest.fixture
def fleet(shared_service: ServiceProcess) -> Fleet:
    """Two pools with room for one session each."""
    return Fleet.create(shared_service, pools=2, capacity=1)


def settings(fleet: Fleet) -> dict[str, str]:
    return {"SLTA_URL": fleet.service.url, "SLTA_FLEET": fleet.name}


def environment(fleet: Fleet, **more: str) -> dict[str, str]:
    """That of a process of its own, which finds the client library where the tests do."""
    return os.environ | settings(fleet) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | more


def load(name: str) -> Any:
    """An example as a module of its own."""
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ended(fleet: Fleet) -> tuple[int, int]:
    """Sessions that were completed, and those that live."""
    return fleet.counter("completed"), fleet.live


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_read_in_a_minute(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES


# The study


def test_the_study_compares_its_sessions_with_the_optimum(
    shared_service: ServiceProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLTA_URL", shared_service.url)
    made = runpy.run_path(str(EXAMPLES / "study.py"))
    small, large, now, average = capsys.readouterr().out.splitlines()
    assert small.startswith("small: ")
    assert large.endswith("at best 7.0")
    assert now.endswith(f"gap {100 * made['gap']:.2f} %")
    assert average.endswith(f"placement gap {100 * made['averages']['relative_placement_gap']:.2f} %")
    assert 0 <= made["gap"] < 0.05
    assert made["state"]["sessions"]["active"] == made["SESSIONS"] == 100
    made["api"].close()
    assert shared_service.call("GET", "/v1/fleets/study/state")["sessions"]["active"] == 0


# The matchmaker


@pytest.mark.slow
def test_the_matchmaker_places_every_match_and_the_third_waits_for_a_free_server(fleet: Fleet) -> None:
    command = [sys.executable, str(EXAMPLES / "matchmaker.py")]
    variables = environment(fleet, MATCH_SECONDS="0.5")
    names = "ann\nbob\ncid\ndan\neve\nfay\ngil\n"
    done = subprocess.run(command, env=variables, input=names, capture_output=True, text=True, check=True)
    *said, last = done.stdout.splitlines()
    assert (len(said), last) == (5, "eve and fay have played")
    assert said.index("ann and bob have played") < said.index(next(line for line in said if line.startswith("eve")))
    assert {line.split()[-1] for line in said if " play on " in line} <= {"10.0.0.1:80", "10.0.0.2:80"}
    assert ended(fleet) == (3, 0)


@pytest.mark.slow
async def test_players_of_a_match_without_server_wait_again(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    matchmaker, lobby = load("matchmaker"), ["cid"]
    fleet.call("POST", "pools/c-2/drain")
    matchmaker.MATCH_SECONDS = LEASE_SECONDS
    async with AsyncClient(fleet.service.url, fleet.name, lease_seconds=LEASE_SECONDS) as client:
        match = asyncio.create_task(matchmaker.play(client, ["ann", "bob"], lobby))
        await eventually(lambda: capsys.readouterr().out == "ann and bob play on c-1 at 10.0.0.1:80\n")
        fleet.call("POST", "pools/c-1/fail")
        await match
    lost, waiting = capsys.readouterr().out.splitlines()
    assert lost == "ann and bob: their server is gone, failed"
    assert waiting.startswith("ann and bob wait again: ")
    assert lobby == ["cid", "ann", "bob"]


# The web application


class Pool(BaseHTTPRequestHandler):
    """A pool that answers a question with the question, and with how many sessions its fleet has meanwhile."""

    def do_POST(self) -> None:
        question = self.rfile.read(int(self.headers["Content-Length"])).decode()
        answer = f"{question} {self.server.fleet.live}".encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        del format, arguments


@pytest.fixture
def pool(fleet: Fleet) -> Iterator[None]:
    """Both pools of the fleet are one server."""
    with HTTPServer(("127.0.0.1", 0), Pool) as server:
        server.fleet = fleet  # type: ignore[attr-defined]
        for name in ("c-1", "c-2"):
            fleet.call("PUT", f"pools/{name}", {"pool_class": "c", "address": f"127.0.0.1:{server.server_port}"})
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.fixture
def web(fleet: Fleet, pool: None) -> Iterator[str]:
    """URL of the application, served as its first lines say, but by uvicorn's own command."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "web_app:app", "--port", str(port)]
    with Process(*command, "--log-level", "warning", port=port, env=environment(fleet)):
        yield f"http://127.0.0.1:{port}"


def test_the_web_application_has_a_session_for_as_long_as_a_pool_answers(fleet: Fleet, web: str) -> None:
    answer = httpx.post(f"{web}/ask", content=b"why?")
    assert (answer.status_code, answer.text, answer.headers["X-Pool"][:2]) == (200, "why? 1", "c-")
    until(lambda: ended(fleet) == (1, 0))


@pytest.fixture
def browser(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Calls of the application in this process, by WebSocket too."""
    from starlette.testclient import TestClient

    for name, value in settings(fleet).items():
        monkeypatch.setenv(name, value)
    module = load("web_app")
    module.LEASE_SECONDS = LEASE_SECONDS
    with TestClient(module.app) as client:
        yield client


@IN_PROCESS
def test_a_player_has_a_session_until_he_leaves(fleet: Fleet, browser: Any) -> None:
    with browser.websocket_connect("/play") as socket:
        told = socket.receive_json()
        socket.send_text("still here")
        assert (told["address"][:7], fleet.status(told["session_id"])) == ("10.0.0.", 200)
    until(lambda: fleet.status(told["session_id"]) == 409)
    assert ended(fleet) == (1, 0)


@pytest.mark.slow
@IN_PROCESS
def test_a_player_whose_server_failed_is_asked_to_come_again(fleet: Fleet, browser: Any) -> None:
    with browser.websocket_connect("/play") as socket:
        session_id = socket.receive_json()["session_id"]
        fleet.call("POST", f"pools/{pool_of(fleet, session_id)}/fail")
        with ThreadPoolExecutor(1) as thread:
            told = thread.submit(socket.receive)
            until(lambda: socket.send_text("still here") or told.done())
        assert told.result()["code"] == 1013


def pool_of(fleet: Fleet, session_id: str) -> str:
    return str(fleet.call("GET", f"sessions/{session_id}")["pool_id"])


@IN_PROCESS
def test_a_pool_that_does_not_answer_is_a_502(fleet: Fleet, browser: Any) -> None:
    for name in ("c-1", "c-2"):
        fleet.call("PUT", f"pools/{name}", {"pool_class": "c", "address": f"127.0.0.1:{free_port()}"})
    answer = browser.post("/ask", content=b"why?")
    assert answer.status_code == 502
    assert answer.json()["detail"].startswith("the pool did not answer: ")
    until(lambda: ended(fleet) == (1, 0))


@pytest.mark.slow
@IN_PROCESS
def test_a_full_fleet_is_a_503_and_the_code_that_asks_a_player_to_come_again(fleet: Fleet, browser: Any) -> None:
    for _ in range(2):
        fleet.call("POST", "assign")
    assert browser.post("/ask", content=b"why?").status_code == 503
    with browser.websocket_connect("/play") as socket:
        assert socket.receive() == {"type": "websocket.close", "code": 1013, "reason": "try again later"}
