"""docker-compose.proxies.yml, for real: HAProxy places by slta, the follower ends sessions, and slta may be away."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from urllib.error import HTTPError

import pytest

from testbed.servers import free_port
from tests.deploy.composition import Stack, overlay, until

pytestmark = pytest.mark.compose

SESSION_SECONDS = 8


@dataclass
class Edge:
    """The composition, and HAProxy's port in it."""

    stack: Stack
    port: int

    def open(self, seconds: int) -> HTTPResponse:
        """A response whose body takes so long."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", f"/play?seconds={seconds}", headers={"Connection": "close"})
        return connection.getresponse()

    def play(self, seconds: int = 0) -> str:
        """The pool that served a session."""
        response = self.open(seconds)
        assert response.status == 200
        return response.read().decode().split()[0]

    def occupancies(self) -> Counter[str]:
        pools = self.stack.call("GET", "main/pools", "ADMIN_KEY")["pools"]
        return Counter({pool["pool_id"]: pool["occupancy"] for pool in pools})

    def has(self, sessions: int) -> bool:
        """Whether slta answers, and knows of so many."""
        with suppress(OSError):
            return self.occupancies().total() == sessions
        return False


@pytest.fixture(scope="module")
def edge(stack: Stack) -> Iterator[Edge]:
    port = free_port()
    with overlay(stack, port) as running:
        yield Edge(running, port)


def test_each_session_runs_on_the_pool_that_slta_says_and_ends_with_its_connection(edge: Edge) -> None:
    with ThreadPoolExecutor(12) as clients:
        playing = [clients.submit(edge.play, SESSION_SECONDS) for _ in range(12)]
        until(lambda: edge.has(12), SESSION_SECONDS, "slta does not know of all sessions")
        said = edge.occupancies()
        assert Counter(one.result() for one in playing) == said
    until(lambda: edge.has(0), 10, "sessions are left over")


def test_a_client_that_leaves_ends_its_session(edge: Edge) -> None:
    response = edge.open(60)
    until(lambda: edge.has(1), 10, "the session is not known")
    response.close()
    until(lambda: edge.has(0), 10, "the session is left over")


@pytest.mark.parametrize(("away", "back"), [("stop", "start"), ("pause", "unpause")])
def test_without_slta_haproxy_chooses_and_what_lives_on_is_known_later(edge: Edge, away: str, back: str) -> None:
    edge.stack.compose(away, "proxy", "dispatcher")
    try:
        for _ in range(10):
            edge.play()
        living = edge.open(120)
    finally:
        edge.stack.compose(back, "dispatcher", "proxy")
    until(lambda: edge.has(1), 60, "the session that HAProxy placed is not known")
    living.close()
    until(lambda: edge.has(0), 10, "sessions are left over")


def test_the_follower_may_use_its_pools_only(edge: Edge) -> None:
    with pytest.raises(HTTPError) as refused:
        edge.stack.call("PUT", "main/sessions/s", "FOLLOW_KEY", {"pool_id": "other"})
    assert json.loads(refused.value.read())["code"] == "pool_not_allowed"


def test_a_pool_reaches_neither_slta_nor_the_follower(edge: Edge) -> None:
    [pool] = edge.stack.containers("small-1")
    networks = edge.stack.inspect(pool)["NetworkSettings"]["Networks"]
    assert {name.rpartition("_")[2] for name in networks} == {"pools"}
    assert [mount for mount in edge.stack.inspect(pool)["Mounts"] if mount["Destination"] == "/run/slta"] == []
