"""The witness on a real service: what is planted behind the service's back is seen, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from lab.campaign import __main__ as command
from lab.campaign.row import Record, play
from lab.campaign.table import GROUPS
from lab.faults import independent_audit, on_store, power, report
from lab.faults.fault import Size
from lab.faults.ledger import judge
from lab.faults.load import FLEET, Load, Plan
from lab.faults.noticed import noticed
from lab.faults.on_the_way import AtByte, cut_at_every_byte
from lab.faults.starting import system
from lab.faults.system import RELAYED, SINGLE, System
from lab.faults.table import FAULTS
from testbed.relay import CutError, Link
from testbed.sentinels import until
from testbed.servers import EMBEDDED, Server

BY_HAND = Plan(workers=0)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[System]:
    async with system(tmp_path, replace(SINGLE, dispatchers=1), "async", EMBEDDED) as made:
        yield made


async def test_what_was_changed_behind_the_service_is_seen_as_what_it_is(made: System) -> None:
    [server] = made.servers
    async with Load(made.urls, BY_HAND, "s") as load:
        sessions = [load.ledger.open(f"s{k}") for k in range(6)]
        for session in sessions:
            await load.assign(session)
        await load.complete(sessions[0])
        assert [name for name in ("lost", "back", "leaked", "doubled", "unknown") if seen_of(load, server)[name]] == []
        assert independent_audit.audit(server) == []
        with server.client() as redis:
            record = take_away(redis, "s1")
            redis.hset(f"{{{FLEET}}}:sessions", mapping={"s0": record, "stranger": record})
        seen = seen_of(load, server)
        assert (seen["acknowledged"], seen["lost"], seen["back"], seen["leaked"]) == (6, 1, 1, 1)
        assert independent_audit.audit(server) != []
        await load.complete(sessions[1])
        assert seen_of(load, server)["losses"] == {"complete: unknown_session": 1}


def take_away(redis: Redis, session: str) -> str:
    """A session's record, which is then no longer there."""
    record = redis.hget(f"{{{FLEET}}}:sessions", session)
    redis.hdel(f"{{{FLEET}}}:sessions", session)
    return str(record)


def seen_of(load: Load, server: Server) -> dict[str, Any]:
    verdict = judge(load.ledger, independent_audit.sessions(server))
    return {name: getattr(verdict, name) for name in verdict.__slots__}


@pytest.mark.slow
async def test_a_load_calls_keeps_its_sessions_and_ends_without_a_doubt(made: System) -> None:
    async with Load(made.urls, Plan(per_second=200), "s") as load:
        await asyncio.to_thread(until, lambda: len(load.ledger.good) >= 300)
    seen = seen_of(load, made.servers[0])
    assert seen["acknowledged"] > 100
    assert [name for name in ("refused", "unknown", "lost", "doubled", "leaked", "back") if seen[name]] == []
    assert independent_audit.sessions(made.servers[0])
    assert independent_audit.audit(made.servers[0]) == []


async def test_a_connection_is_cut_at_each_byte_of_the_request_and_the_reply() -> None:
    link = Link(None, None)  # neither side is written to
    for after in range(len(b"FCALL s1\r\n") + 1):
        rule = AtByte(b"s1", after, in_reply=False)
        assert await rule(link, b"PING\r\n", True) == b"PING\r\n"
        with pytest.raises(CutError) as cut:
            await rule(link, b"FCALL s1\r\n", True)
        assert cut.value.last == b"FCALL s1\r\n"[:after]
        assert rule.did_cut
    rule = AtByte(b"s1", 3, in_reply=True)
    assert await rule(link, b"FCALL s1\r\n", True) == b"FCALL s1\r\n"
    with pytest.raises(CutError) as cut:
        await rule(link, b"+done\r\n", False)
    assert cut.value.last == b"+do"
    beyond = AtByte(b"s1", 99, in_reply=False)
    assert await beyond(link, b"FCALL s1\r\n", True) == b"FCALL s1\r\n"
    assert not beyond.did_cut


@pytest.mark.campaign
async def test_no_byte_of_an_assign_and_a_complete_is_one_too_many(tmp_path: Path) -> None:
    async with system(tmp_path, replace(RELAYED, dispatchers=1), "async", EMBEDDED) as made:
        async with Load(made.urls, BY_HAND, "s") as load:
            made.loads = [load]
            assert await cut_at_every_byte(made) > 300
        seen = seen_of(load, made.servers[0])
    assert [name for name in ("refused", "unknown", "lost", "doubled", "leaked", "back") if seen[name]] == []


@pytest.mark.slow
async def test_a_run_on_a_cluster_notes_what_its_fleet_and_the_others_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_store, "FLUSHES", 3)
    run = await play(FAULTS["library-missing"], "library-missing", "async", 0, Size(per_second=60))
    assert [name for name in ("unknown", "lost", "doubled", "leaked", "back", "audit") if run[name]] == []
    assert run["effects"] == 3
    assert run["notes"]["refused of others"] == {}
    assert set(run["notes"]["readiness"]) == {"200"}


# Power


LOG = """\
7 write(12, "..."..., 50) = 50
7 write(12, "..."..., 30 <unfinished ...>
9 fdatasync(12 <unfinished ...>
7 <... write resumed>) = 30
9 <... fdatasync resumed>) = 0
7 write(12, "..."..., 20) = 20
7 +++ killed by SIGKILL +++
"""


def test_what_was_written_while_a_sync_ran_may_not_be_on_the_disk() -> None:
    assert power.synced_bytes(LOG) == 50
    assert power.synced_bytes(LOG + "9 fdatasync(12) = 0\n") == 100
    assert power.synced_bytes(LOG + "9 fdatasync(12) = -1 EIO (Input/output error)\n") == 50
    assert power.synced_bytes(LOG + "9 fdatasync(12 <unfinished ...>\n") == 50


@pytest.mark.needs("strace")
@pytest.mark.parametrize(("policy", "kept"), [("no", 0), ("always", 100)])
def test_when_the_power_fails_what_was_not_synced_is_gone(tmp_path: Path, policy: str, kept: int) -> None:
    with Server(tmp_path, EMBEDDED, "--appendfsync", policy, under=power.watched(tmp_path)) as server:
        with server.client() as redis:
            for number in range(100):
                redis.set(f"key-{number}", number)
        assert (power.fail(server) > 0) == (policy == "no")
        server.start()
        with server.client() as redis:
            assert redis.dbsize() == kept


# What dispatchers say


def test_it_is_noticed_when_the_first_dispatcher_says_so_after_the_store_can_be_reached() -> None:
    said = [("2026-11-25T10:00:01.500Z", 3), ("2026-11-25T10:00:00.250Z", 4), ("2026-11-25T09:59:59Z", 1)]
    events = [{"timestamp": at, "replayed": count} for at, count in said]
    ten = datetime(2026, 11, 25, 10, tzinfo=UTC).timestamp()
    assert noticed(events, ten, ten) == {"noticed_seconds": 0.25, "replayed": 8}
    assert noticed(events, ten, ten + 1) == {"noticed_seconds": 0, "replayed": 8}, "before any client's call succeeded"
    assert noticed(events, ten + 60, ten + 61) == {"noticed_seconds": None, "replayed": 8}
    assert noticed([], 0, 0) == {"noticed_seconds": None, "replayed": 0}


# Runs


def record(fault: str = "store-killed", mode: str = "async", **changed: Any) -> Record:
    counts = dict.fromkeys(report.COUNTS, 0)
    known = {"run": 0, "server": "embedded", "date": "2026-11-25", "commit": "abc", "void": "", "audit": []}
    return {"fault": fault, "mode": mode, **known, **counts, "longest_silence_seconds": 0.5, "notes": {}, **changed}


def test_a_kept_run_is_not_repeated_and_a_void_one_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[int] = []

    async def play(_row: object, name: str, mode: str, number: int, _size: object) -> Record:
        played.append(number)
        return record(name, mode, run=number, void="too slow" if number == 1 else "")

    monkeypatch.setattr(command, "play", play)
    kept = None, 2, tmp_path / "runs.jsonl"
    assert command.complete(GROUPS["faults"], "store-killed", "async", *kept) == []
    assert played == [0, 1, 2], "the second one was void"
    command.complete(GROUPS["faults"], "store-killed", "async", *kept)
    assert played == [0, 1, 2]
    command.complete(GROUPS["faults"], "cut", "async", *kept)
    assert played == [0, 1, 2, 0, 1, 2]


def test_a_machine_that_is_too_busy_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(_row: object, name: str, mode: str, number: int, _size: object) -> Record:
        return record(name, mode, run=number, void="slow")

    monkeypatch.setattr(command, "play", play)
    results = tmp_path / "runs.jsonl"
    assert command.complete(GROUPS["faults"], "cut", "async", None, 2, results) == ["cut async: 0 of 2 runs"]
    assert [run["void"] for run in command.read(results)] == ["slow"] * command.MAX_VOID


def test_the_report_adds_up_the_runs_that_count() -> None:
    runs = [
        record("power", acknowledged=1000, lost=40, back=3, longest_silence_seconds=0.4, noticed_seconds=None),
        record(
            "power",
            acknowledged=500,
            lost=7,
            noticed_seconds=0.84,
            replayed=9,
            longest_silence_seconds=1.2,
            audit=["sessions: 3, expected 4"],
        ),
        record("power", acknowledged=900, lost=900, void="no effect was seen"),
        record("store-killed", acknowledged=100),
        record("store-killed", "fsync", acknowledged=70),
    ]
    statement, table = report.statement(runs), report.faults(runs)
    assert "| `async` | the power of the store | 2 | 1,500 | 47 | 40 | 3 | 1.2 | 1 of 2, in 0.8 s | 9 |" in statement
    assert "| `async` | a process or a connection | 1 | 100 | 0 | 0 | 0 | 0.5 | – | 0 |" in statement
    assert "| the power fails | `async` | 2 + 1 void | 1,500 | 47 | 3 | 1.2 | 1 broken |" in table
    assert "| the store is killed (-9) 4 times | `async` | 1 | 100 |" in table
    assert "\n|  | `fsync` | 1 | 70 |" in table
    assert "In all of them refused, unknown, doubled, leaked are 0." in report.provenance(runs)
    assert "All audits are clean." in report.provenance([record(lost=1)])


def test_the_report_has_the_worst_run_of_each_fault_of_a_cluster() -> None:
    notes: dict[str, Any] = {"silence before": 0.1, "silence": 2.4, "silence of others": 0.2}
    notes |= {"refused": {"store_unavailable": 5}, "refused of others": {}, "readiness": {"200": 40}}
    worse = notes | {"silence": 3.1, "refused of others": {"timeout": 2}, "readiness": {"200": 30, "503": 10}}
    runs = [record("list-away", notes=notes), record("list-away", notes=worse), record("power")]
    assert "| `async` | 2 | 0.1 | 3.1 | 0.2 | 2 | 10 of 80 |" in report.clusters(runs)
    assert "power" not in report.clusters(runs)
