"""The client for threads against a real dispatcher: as in asyncio, and what threads and forks add."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import REGISTRY

from slta_client import Client, SessionLostError
from testbed.awaiting import until
from testbed.live_fleet import Fleet


@pytest.fixture
def client(fleet: Fleet) -> Iterator[Client]:
    with Client(fleet.service.url, fleet.name, timeout=30, lease_seconds=0.6) as client:
        yield client


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "slta_client"}


def test_a_session_lives_as_long_as_its_block(fleet: Fleet) -> None:
    with Client(fleet.service.url, fleet.name, timeout=30) as client, client.session("u-7") as session:
        assert session.address == f"10.0.0.{session.pool_id[-1]}:80"
        assert fleet.status("u-7") == 200
    assert fleet.status("u-7") == 409


def lose(client: Client, fleet: Fleet, reasons: list[str]) -> None:
    """A block in which the session's place is given away, until the reason is told."""
    with client.session("u-7", on_lost=reasons.append):
        fleet.complete("u-7")
        until(lambda: reasons)


def test_a_lost_session_is_told_while_it_lasts_and_raised_at_its_end(client: Client, fleet: Fleet) -> None:
    reasons: list[str] = []
    with pytest.raises(SessionLostError, match="completed"):
        lose(client, fleet, reasons)
    assert reasons == ["completed"]


def test_many_threads_share_one_client_and_one_thread_of_it(client: Client, fleet: Fleet) -> None:
    before = threads()

    def one(number: int) -> None:
        with client.session(f"t-{number}"):
            assert len(threads() - before) <= 1

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(100)))
    client.close()
    assert (fleet.counter("assigned"), fleet.live) == (100, 0)


def test_the_thread_of_an_idle_client_sleeps(fleet: Fleet) -> None:
    with Client(fleet.service.url, fleet.name, timeout=30) as client, client.session():
        until(lambda: not client._engine.changed.is_set())


def test_a_client_that_was_never_used_can_be_closed(fleet: Fleet) -> None:
    Client(fleet.service.url, fleet.name, timeout=30).close()


# Forks


def in_child(work: object) -> int:
    """The exit status of a child that runs `work`."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        assert callable(work)
        work()
    except BaseException:  # noqa: BLE001 - the child must not go on as a test run
        os._exit(1)
    os._exit(0)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_places_and_ends_its_own_sessions(client: Client, fleet: Fleet) -> None:
    with client.session("parents"):

        def work() -> None:
            with client.session("childs"):
                assert fleet.status("childs") == 200
                assert REGISTRY.get_sample_value("slta_client_live_sessions") == 1
            client.close()

        assert in_child(work) == 0
        assert fleet.status("childs") == 409
        assert fleet.status("parents") == 200


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_that_leaves_the_parents_block_ends_nothing(client: Client, fleet: Fleet) -> None:
    session = client.session("parents")
    session.__enter__()

    def work() -> None:
        session.__exit__(None, None, None)
        client.close()

    assert in_child(work) == 0
    assert fleet.status("parents") == 200
    session.__exit__(None, None, None)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_closed_client_stays_closed_in_a_child(client: Client) -> None:
    client.close()

    def work() -> None:
        try:
            client.session().__enter__()
        except RuntimeError:
            return
        raise AssertionError

    assert in_child(work) == 0
