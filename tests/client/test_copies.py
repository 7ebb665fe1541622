"""Copies of the endpoints: when they are read, what is done with the replies, and their file."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest

from slta_client import endpoints
from slta_client.calls import Send
from slta_client.endpoints import Endpoints
from slta_client.keeping import keep
from slta_client.replies import Reply, failed
from slta_client.session import Session
from tests.client.scripted import Scripted, Server, opened, pools, refused, replies
from tests.inventory import each

UNCHANGED = Reply(304, "", {})


def found(endpoints: Endpoints | None = None, etag: str = '"1"') -> Reply:
    return Reply(200, "", (endpoints or pools()).document, etag=etag)


def run(scripted: Scripted, server: Server, until: float) -> list[tuple[float, Send]]:
    """The readings of the loop until a time."""
    scripted.run(keep(scripted), server, until)
    return [(at, send) for at, send in scripted.sent if send.call == "endpoints"]


def session(pool_id: str, fleet: str = "a") -> Session:
    return Session(f"on-{pool_id}", fleet, pool_id, "c", None, 0.0, replayed=False)


# Readings


def test_each_fleet_is_read_at_once_and_then_every_minute_with_jitter(scripted: Scripted) -> None:
    fallback = scripted.falls_back(fleets=("a", "b"))
    sent = run(scripted, lambda send: found(pools(send.fleet)), until=4000)
    assert [(at, send.fleet) for at, send in sent[:2]] == [(1000, "a"), (1000, "b")]
    of_one = [at for at, send in sent if send.fleet == "a"]
    gaps = [after - before for before, after in itertools.pairwise(of_one)]
    assert [gap for gap in gaps if not 45 <= gap <= 75] == []
    assert max(gaps) - min(gaps) > 5
    assert fallback.known.keys() == {"a", "b"}


def test_a_reading_has_a_deadline_of_its_own_and_the_etag_of_the_last_one(scripted: Scripted) -> None:
    scripted.falls_back()
    sent = run(scripted, lambda send: UNCHANGED if send.etag else found(), until=1200)
    assert [(send.body, send.seconds, send.etag) for _, send in sent] == [
        (None, 5.0, None),
        *[(None, 5.0, '"1"')] * (len(sent) - 1),
    ]
    assert len(sent) > 2


@each(("code", "status", "seconds"), [("timeout", 0, 5), ("store_unavailable", 503, 5), ("unknown_fleet", 404, 60)])
def test_a_failure_that_may_pass_is_repeated_soon_and_counts_from_its_end(code: str, status: int, seconds: int) -> None:
    scripted = Scripted()
    scripted.falls_back()

    def slow(_: Send) -> Reply:
        scripted.now += 5
        return refused(code, status)

    (first, _), (second, _), *_ = run(scripted, slow, until=1200)
    assert 0.75 * seconds <= second - first - 5 <= 1.25 * seconds


@each("reply", [failed("timeout"), Reply(200, "", {"x": 1}), found(pools("b"))])
def test_a_reading_of_no_use_leaves_the_copy_as_it_was(reply: Reply) -> None:
    scripted = Scripted()
    fallback = scripted.falls_back(pools(capacity=7))
    run(scripted, lambda _: reply, until=1100)
    assert fallback.known["a"][0].capacity == 7
    assert scripted.saved == []


def test_a_problem_is_logged_when_it_begins(scripted: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    scripted.falls_back()
    run(scripted, lambda _: refused("insufficient_scope", 403), until=1500)
    assert [record.getMessage() for record in caplog.records] == [
        "the endpoints of fleet a were not read: insufficient_scope"
    ]


def test_nothing_is_read_while_the_breaker_is_open(scripted: Scripted) -> None:
    scripted.falls_back()
    opened(scripted)
    (first, _), *_ = run(scripted, lambda _: found(), until=1010)
    assert first == scripted.breaker.open_until > 1000


def test_nothing_is_read_once_the_client_is_closed(scripted: Scripted) -> None:
    scripted.falls_back()
    scripted.leases.abandon("a", "s-1", 1100)
    scripted.leases.close(scripted.now + 5)
    assert run(scripted, lambda _: failed("unreachable"), until=1100) == []
    assert scripted.calls != []


def test_readings_of_many_fleets_that_time_out_let_one_call_through_after_each(scripted: Scripted) -> None:
    scripted.falls_back(fleets=("a", "b", "c", "d"))
    scripted.leases.abandon("a", "s-1", 1100)

    def slow(send: Send) -> Reply:
        scripted.now += send.seconds
        if scripted.now > 1030:
            scripted.leases.close(scripted.now)
        return failed("timeout")

    run(scripted, slow, until=1030)
    assert [call for _, call in scripted.calls[:4]] == ["endpoints", "operations"] * 2


# What changed since


def test_own_sessions_count_since_the_last_reading(scripted: Scripted) -> None:
    copies = scripted.falls_back(pools())
    one, other = session("p-1"), session("p-2")
    scripted.leases.begin(one)
    scripted.leases.begin(other)
    scripted.leases.end(other)
    assert copies.changes("a") == {"p-1": 1}
    run(scripted, lambda _: found(), until=1001)
    scripted.leases.end(one)
    assert copies.changes("a") == {"p-1": -1}


def test_a_reading_that_changed_nothing_counts_anew_and_one_that_failed_does_not(scripted: Scripted) -> None:
    copies = scripted.falls_back(pools())
    scripted.leases.begin(session("p-1"))
    run(scripted, replies(failed("timeout"), UNCHANGED), until=1001)
    assert copies.changes("a") == {"p-1": 1}
    run(scripted, replies(UNCHANGED), until=1010)
    assert copies.changes("a") == {}


def test_sessions_that_slta_does_not_know_are_in_no_copy(scripted: Scripted) -> None:
    """One began before the reading, one during it."""
    copies = scripted.falls_back(pools())
    scripted.leases.begin_unreported(session("p-1"))

    def serve(send: Send) -> Reply:
        if send.call == "endpoints":
            scripted.leases.begin_unreported(session("p-2"))
            return found()
        return failed("unreachable")

    run(scripted, serve, until=1001)
    assert copies.changes("a") == {"p-1": 1, "p-2": 1}


# The file


def test_a_copy_is_written_when_it_is_new_and_read_at_the_start(tmp_path: Path) -> None:
    scripted, file = Scripted(), tmp_path / "copy"
    scripted.falls_back(fleets=("a", "b"), file=file)
    run(scripted, lambda send: UNCHANGED if send.etag else found(pools(send.fleet)), until=1200)
    assert [len(copies) for _, copies in scripted.saved] == [1, 2]
    endpoints.save(*scripted.saved[-1])
    later = Scripted().falls_back(fleets=("a", "b"), file=file)
    assert {name: one.document for name, one in later.known.items()} == {
        "a": pools("a").document,
        "b": pools("b").document,
    }
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_a_file_that_is_not_there_is_no_problem(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert endpoints.load(tmp_path / "copy", ["a"]) == {}
    assert caplog.records == []


def document(**wrong: object) -> bytes:
    """Of a file, with these members of its class."""
    one = pools(occupancies=[0]).document
    return json.dumps({"endpoints": [{**one, "classes": [one["classes"][0] | wrong]}]}).encode()


@each(
    "content",
    [
        *(b"", b"{", b"\xff", b"[]", b"3", b'{"endpoints": 3}', b'{"endpoints": [{}]}', b"[" * 100_000),
        *(document(occupancies=[count]) for count in (10**400, -1)),
        *(document(capacity=count) for count in (10**400, 0)),
    ],
)
def test_an_unreadable_file_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes) -> None:
    caplog.clear()
    file = tmp_path / "copy"
    file.write_bytes(content)
    assert endpoints.load(file, ["a"]) == {}
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@each("name", ["", "a\0b"])
def test_a_path_of_no_file_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    caplog.clear()
    assert endpoints.load(tmp_path / name, ["a"]) == {}
    endpoints.save(tmp_path / name, [pools()])
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert list(tmp_path.parent.glob(f".{tmp_path.name}*")) == []


def test_a_huge_file_is_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "MAX_BYTES", 100)
    file = tmp_path / "copy"
    endpoints.save(file, [pools()])
    assert endpoints.load(file, ["a"]) == {}
    assert "more than 100 bytes" in caplog.text


def test_the_copy_of_another_fleet_is_refused_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "copy"
    endpoints.save(file, [pools("a"), pools("b")])
    assert endpoints.load(file, ["a"]).keys() == {"a"}
    assert "not used for fleet b" in caplog.text


def test_a_file_that_is_being_replaced_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "copy"
    endpoints.save(file, [pools(capacity=1)])
    before = file.read_bytes()

    def fail(_: int) -> None:
        assert file.read_bytes() == before
        raise OSError

    monkeypatch.setattr(os, "fsync", fail)
    endpoints.save(file, [pools(capacity=2)])
    assert json.loads(file.read_bytes()) == {"endpoints": [pools(capacity=1).document]}
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
