"""The embedded store: real processes, killed in the ways that processes are killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from slta.store.embedded.server import EmbeddedStore, EmbeddedStoreError, ping
from testbed.awaiting import until

OWNER = """
import signal, sys
from pathlib import Path
from slta.store.embedded.server import EmbeddedStore
with EmbeddedStore(Path(sys.argv[1])) as store:
    print("owner of", store.pid, store.url, flush=True)
    signal.pause()
"""


def ended(pid: int) -> bool:
    """A process is over when it is gone, or a zombie that nobody has collected yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def client(url: str) -> redis.Redis:
    return redis.Redis(unix_socket_path=url.removeprefix("unix://"), decode_responses=True)


@contextmanager
def owner(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """Another process that owns the store; yields it, the Valkey's pid and its URL."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(data_dir)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        pid, url = next(line.split()[2:] for line in process.stdout if line.startswith("owner of"))
        yield process, int(pid), url
    finally:
        process.kill()
        process.communicate()


def kill_and_await_another(store: EmbeddedStore) -> None:
    pid = store.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    path = Path(store.url.removeprefix("unix://"))
    until(lambda: store.pid not in (pid, None) and ping(path) == b"+PONG")


def test_what_was_written_is_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path) as store, client(store.url) as redis_client:
        redis_client.set("session", "small-7")
        pid = store.pid
    assert pid is not None
    assert ended(pid)
    with EmbeddedStore(tmp_path) as store, client(store.url) as redis_client:
        assert redis_client.get("session") == "small-7"


def test_the_child_ends_when_its_owner_is_killed_and_the_next_owner_finds_everything(tmp_path: Path) -> None:
    with owner(tmp_path) as (process, pid, url):
        with client(url) as redis_client:
            redis_client.set("session", "small-7")
        process.kill()
        # No pause: the next owner waits for the old child's last write by itself.
        with EmbeddedStore(tmp_path) as store, client(store.url) as redis_client:
            assert ended(pid)
            assert redis_client.get("session") == "small-7"


def test_a_killed_child_is_started_again_with_everything_that_was_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def kill_twice(store: EmbeddedStore) -> None:
        supervision = asyncio.create_task(store.supervise())
        for value in ("first", "second"):
            with client(store.url) as redis_client:
                redis_client.rpush("sessions", value)
            await asyncio.to_thread(kill_and_await_another, store)
        supervision.cancel()

    with EmbeddedStore(tmp_path) as store:
        monkeypatch.delattr("slta.store.embedded.server.find_library")  # which would hold up the event loop
        asyncio.run(kill_twice(store))
        with client(store.url) as redis_client:
            assert redis_client.lrange("sessions", 0, -1) == ["first", "second"]


def test_a_stopped_child_still_ends_cleanly(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path) as store:
        pid = store.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    assert ended(pid)


def test_a_second_owner_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    with owner(tmp_path) as (process, _, url):
        with pytest.raises(EmbeddedStoreError, match=f"in use by process {process.pid}.*--store-url"):
            EmbeddedStore(tmp_path, handover_seconds=0.0).start()
        with client(url) as redis_client:
            assert redis_client.ping()


def test_only_the_owner_may_reach_the_socket_and_nothing_listens_on_the_network(tmp_path: Path) -> None:
    data_dir = tmp_path / "new"
    with EmbeddedStore(data_dir) as store, client(store.url) as redis_client:
        assert Path(store.url.removeprefix("unix://")).stat().st_mode & 0o777 == 0o700
        assert data_dir.stat().st_mode & 0o777 == 0o700
        settings = redis_client.config_get("port", "appendonly", "appendfsync", "save", "maxmemory-policy")
    assert settings == {
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }


def test_a_long_path_of_the_data_folder_moves_the_socket_not_the_data(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 30)
    with EmbeddedStore(data_dir) as store, client(store.url) as redis_client:
        socket_dir = Path(store.url.removeprefix("unix://")).parent
        assert socket_dir.stat().st_mode & 0o777 == 0o700
        redis_client.set("session", "small-7")
    assert not socket_dir.exists()
    assert [*(data_dir / "appendonlydir").iterdir()] != []


def test_the_next_owner_removes_the_socket_of_one_that_was_killed(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 30)
    with owner(data_dir) as (process, pid, url):
        elsewhere = Path(url.removeprefix("unix://")).parent
        process.kill()
        until(lambda: ended(pid))
        assert elsewhere.exists()
        with EmbeddedStore(data_dir):
            assert not elsewhere.exists()


def test_a_long_path_for_temporary_files_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / ("temporary" * 12)
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with EmbeddedStore(tmp_path / ("long" * 30)) as store, client(store.url) as redis_client:
        assert redis_client.ping()


def test_the_url_leads_there_whatever_the_folder_is_called(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "50 % ?#é") as store, redis.Redis.from_url(store.url) as redis_client:
        assert redis_client.ping()


@pytest.mark.needs("jemalloc")
@pytest.mark.parametrize(("chosen", "uses"), [(None, True), ("", False)])
def test_jemalloc_is_the_allocator_unless_another_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None, uses: bool
) -> None:
    if chosen is not None:
        monkeypatch.setenv("LD_PRELOAD", chosen)
    with EmbeddedStore(tmp_path) as store:
        assert ("jemalloc" in Path(f"/proc/{store.pid}/maps").read_text()) == uses


def test_a_damaged_file_is_refused_in_the_servers_own_words(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path) as store, client(store.url) as redis_client:
        for k in range(100):
            redis_client.set(f"session-{k}", "small-7")
    [file] = (tmp_path / "appendonlydir").glob("*.incr.aof")
    damaged = bytearray(file.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 64] = b"#" * 64
    file.write_bytes(damaged)
    with pytest.raises(EmbeddedStoreError, match=r"(?s)did not start.*Bad file format.*valkey-check-aof"):
        EmbeddedStore(tmp_path).start()


def test_a_torn_last_write_does_not_keep_the_store_from_starting(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path) as store, client(store.url) as redis_client:
        redis_client.set("session-1", "small-7")
        redis_client.set("session-2", "small-8")
    [file] = (tmp_path / "appendonlydir").glob("*.incr.aof")
    file.write_bytes(file.read_bytes()[:-5])
    with EmbeddedStore(tmp_path) as store, client(store.url) as redis_client:
        assert redis_client.get("session-1") == "small-7"


def test_a_failed_start_leaves_the_folder_free(tmp_path: Path) -> None:
    not_a_server = shutil.which("false")
    with pytest.raises(EmbeddedStoreError, match="exit status 1"):
        EmbeddedStore(tmp_path, not_a_server).start()
    with EmbeddedStore(tmp_path) as store:
        assert store.pid


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedStoreError, match="no-such-server is not a program"):
        EmbeddedStore(tmp_path, "no-such-server").start()


def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedStoreError, match="cannot use data directory"):
        EmbeddedStore(tmp_path / "file" / "data").start()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("valkey-server", "redis-server")]
)
def test_another_server_may_be_named(name: str, tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path, name) as store, client(store.url) as redis_client:
        redis_client.set("session", "small-7")
    with EmbeddedStore(tmp_path, name) as store, client(store.url) as redis_client:
        assert redis_client.get("session") == "small-7"
