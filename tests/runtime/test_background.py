"""What a dispatcher does every second goes on, whatever one fleet, the key file or a defect puts in its way."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from functools import partialmethod
from itertools import pairwise
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from prometheus_client import generate_latest
from redis import Redis

from slta.auth.keys import Access, generate_key
from slta.fleet_file import Specs, load_yaml
from slta.fleet_file.applying import apply_file
from slta.metrics import Metrics
from slta.models.errors import InvalidFleetError, SessionTypeInUseError
from slta.runtime import background, ticks
from slta.runtime.background import _every_second
from slta.store import Store, StoreSettings
from slta.store.fleets import Fleets
from testbed.awaiting import eventually
from tests import rawstate
from tests.runtime.conftest import dispatching
from tests.runtime.virtual_time import VirtualTime

LOOKS = 20_000
KEYS = "keys:\n  - {id: %s, sha256: %s, scopes: [admin]}\n"


@pytest.fixture
def quick_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds and ticks follow each other quickly, and no tick spares a fleet that was ticked just now."""
    for module, name in (
        (background, "ROUND_SECONDS"),
        (background, "MIN_PAUSE_SECONDS"),
        (ticks, "GATHER_SECONDS"),
        (ticks, "TICK_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 0.01)
    monkeypatch.setattr(Fleets, "tick", partialmethod(Fleets.tick, shared=False))


async def until(store: Store, condition: Callable[[], object]) -> None:
    """Looks again and again; not for ever, for who looks may not be interruptible."""
    for _ in range(LOOKS):
        if condition():
            return
        await store.check()
    raise AssertionError("it did not happen")


async def until_ticked(store: Store, redis: Redis, fleet: str) -> None:
    await until(store, lambda: ticked(redis, fleet))


async def another_round(store: Store, redis: Redis) -> None:
    """The one under way ends, and the next ticks `b`."""
    for _ in range(2):
        redis.delete("{b}:past:60")
        await until_ticked(store, redis, "b")


def ticked(redis: Redis, fleet: str) -> bool:
    return bool(redis.exists(f"{{{fleet}}}:past:60"))


async def test_a_fleet_that_fails_delays_no_other(store: Store, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "MAX_CONCURRENT_CALLS", 1)
    redis.hset("{a}:tables", "policy", "not-yet")
    rawstate.poke(redis, "a", tables=1)
    async with dispatching(store):
        await until_ticked(store, redis, "b")
    assert not ticked(redis, "a")


@pytest.mark.usefixtures("quick_rounds")
async def test_it_ends_also_while_a_call_is_under_way(store: Store, redis: Redis) -> None:
    for _ in range(5):
        redis.delete("{b}:past:60")
        async with dispatching(store):
            await until_ticked(store, redis, "b")  # the reply to this tick is on its way


@pytest.mark.usefixtures("quick_rounds")
async def test_a_defect_in_one_round_is_logged_and_does_not_end_the_rounds(
    store: Store, redis: Redis, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(store.fleets, "names", _failing_once(store.fleets.names))
    async with dispatching(store):
        await until_ticked(store, redis, "b")
    assert "ZeroDivisionError: a defect" in capsys.readouterr().out


async def gaps_between_rounds(seconds: float) -> list[float]:
    """Times from the beginning of a round that takes so long to that of the next."""
    begun: list[float] = []

    async def take_long() -> None:
        begun.append(asyncio.get_running_loop().time())
        await asyncio.sleep(seconds)

    task = asyncio.create_task(_every_second(take_long))
    await asyncio.sleep(200)
    task.cancel()
    return [later - earlier for earlier, later in pairwise(begun)]


@pytest.mark.parametrize(("takes", "shortest", "longest"), [(0, 0.75, 1.25), (0.7, 0.75, 1.25), (2, 2.1, 2.11)])
def test_rounds_begin_a_second_apart_or_soon_after_a_long_one(takes: float, shortest: float, longest: float) -> None:
    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        gaps = runner.run(gaps_between_rounds(takes))
    assert len(gaps) > 90
    assert [gap for gap in gaps if not shortest <= round(gap, 6) <= longest] == []


@pytest.mark.usefixtures("quick_rounds")
async def test_a_store_that_evicts_is_told_once(store: Store, redis: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics()

    def shown(policy: str) -> float | None:
        return metrics.registry.get_sample_value("slta_store_eviction_enabled", {"maxmemory_policy": policy})

    async with dispatching(store, metrics=metrics):
        await until(store, lambda: shown("noeviction") is not None)
        assert shown("noeviction") == 0
        redis.config_set("maxmemory-policy", "allkeys-lru")
        await until(store, lambda: shown("allkeys-lru") is not None)
        assert (shown("allkeys-lru"), shown("noeviction")) == (1, None)
        await another_round(store, redis)
        redis.config_set("maxmemory-policy", "noeviction")
        await until(store, lambda: shown("noeviction") is not None)
        assert (shown("allkeys-lru"), shown("noeviction")) == (None, 0)
    said = capsys.readouterr().out
    assert [said.count(word) for word in ("store_evicts ", "policy=allkeys-lru", "store_evicts_no_more")] == [1] * 3


@pytest.mark.usefixtures("quick_rounds")
async def test_an_unknown_host_is_logged(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = asyncio.Semaphore(0)

    async def no_address(*_: object, **__: object) -> None:
        rounds.release()
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_address)
    monkeypatch.setattr(background, "STARTUP_SECONDS", 0.01)
    store = Store(StoreSettings("redis://store.invalid:6379"), Metrics())
    async with dispatching(store):
        for _ in range(20):
            await rounds.acquire()
    await store.close()
    trouble = [line for line in capsys.readouterr().out.splitlines() if "store_in_trouble" in line]
    assert len(trouble) == 1
    assert "kind=dns" in trouble[0]
    assert "store.invalid: Name or service not known" in trouble[0]


@pytest.mark.usefixtures("quick_rounds")
@pytest.mark.timeout(20)
async def test_each_line_of_an_outage_has_a_kind_and_a_cause(
    server: str, store: Store, redis: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    impatient, said = Store(StoreSettings(server, call_timeout_seconds=0.1), Metrics()), ""
    async with dispatching(impatient):
        await until_ticked(store, redis, "b")
        redis.client_pause(500, all=True)
        while "store_available_again" not in said:
            await asyncio.sleep(0.01)
            said += capsys.readouterr().out
    await impatient.close()
    trouble = [line for line in said.splitlines() if "store_in_trouble" in line]
    assert trouble
    assert [line for line in trouble if not re.search(r"cause=.*\w.* kind=\w", line)] == []


@pytest.mark.usefixtures("quick_rounds")
async def test_a_store_that_forbids_info_has_no_policy_to_show(server: str, store: Store, redis: Redis) -> None:
    redis.acl_setuser("limited", enabled=True, nopass=True, keys="*", channels="*", commands=["+@all", "-info"])
    limited = Store(StoreSettings(server.replace("unix://", "unix://limited:any@"), call_timeout_seconds=30), Metrics())
    metrics = Metrics()
    redis.delete("{b}:past:60")
    async with dispatching(limited, metrics=metrics):
        await until_ticked(limited, redis, "b")
        await another_round(limited, redis)
    await limited.close()
    assert "slta_store_eviction_enabled{" not in generate_latest(metrics.registry).decode()


@pytest.mark.usefixtures("quick_rounds")
async def test_a_fleet_that_vanishes_is_counted(store: Store, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "ABSENT_SECONDS", 0)
    metrics, names = Metrics(), AsyncMock(wraps=store.fleets.names)
    monkeypatch.setattr(store.fleets, "names", names)
    async with dispatching(store, metrics=metrics):
        await until_ticked(store, redis, "a")
        seen = names.await_count
        await until(store, lambda: names.await_count > seen + 1)  # a round has seen that it was ticked
        redis.unlink(*redis.keys("{a}:*"))
        await until(store, lambda: metrics.registry.get_sample_value("slta_fleets_vanished_total", {"outcome": "lost"}))
    assert metrics.registry.get_sample_value("slta_fleets_vanished_total", {"outcome": "lost"}) == 1


@pytest.mark.usefixtures("quick_rounds")
async def test_lost_names_are_listed_at_the_start(store: Store, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "ABSENT_SECONDS", 0)
    redis.unlink("slta:fleets")
    async with dispatching(store):
        await until(store, lambda: redis.scard("slta:fleets") == 2)


def _failing_once(names: Callable[[], Awaitable[list[str]]]) -> Callable[[], Awaitable[list[str]]]:
    defects = [ZeroDivisionError("a defect")]

    async def fail_once() -> list[str]:
        if defects:
            raise defects.pop()
        return await names()

    return fail_once


async def test_an_unusable_key_file_ends_neither_the_keys_nor_the_rounds(
    store: Store, redis: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, entry = generate_key({"admin"})
    file = tmp_path / "keys.yaml"
    file.write_text(KEYS % (entry.id, entry.sha256))
    access, said = Access.load(file), [""]
    file.write_text("keys: [nonsense")

    def is_told() -> bool:
        said[0] += capsys.readouterr().out
        return "file_not_reloaded" in said[0]

    async with dispatching(store, access):
        await eventually(is_told)
        await until_ticked(store, redis, "b")
    assert "round_failed" not in said[0] + capsys.readouterr().out
    holder = access.identify(f"Bearer {key}")
    assert holder is not None
    assert holder.key_id == entry.id


TYPED_FILE = """
fleet: t
policy: jlmu
classes:
  - {name: small, utility: {kind: log_share, resource: 20}, capacity: 3, pools: 1}
  - {name: large, utility: {kind: log_share, resource: 20}, capacity: 3, pools: 1}
session_types: {video: [%s]}
"""


async def test_a_file_that_sessions_forbid_is_told_with_its_name_and_what_helps(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "p1.yaml"
    path.write_text(TYPED_FILE % "small, large")
    former = load_yaml(path)
    await apply_file(store, Specs(), former)
    await store.sessions.assign("t", "s", None, session_type="video")
    path.write_text(TYPED_FILE % "large")
    with pytest.raises(SessionTypeInUseError) as refused:
        async with dispatching(store, file=load_yaml(path)):
            pass
    said = str(refused.value)
    assert said.startswith(
        f"{path}: fleet t: Nothing was changed: the change takes small from the session type `video`"
    )
    assert said.endswith(background.START_WITHOUT)
    async with dispatching(store, file=former):
        assert (await store.sessions.get("t", "s")).session_type == "video"


async def test_a_file_that_learned_curves_forbid_is_told_with_its_name_and_what_helps(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "u.yaml"
    path.write_text(TYPED_FILE.replace("capacity", "curve: learned, capacity") % "large" + "utility_unit: MOS\n")
    await apply_file(store, Specs(), load_yaml(path))
    path.write_text(TYPED_FILE.replace("capacity", "curve: learned, capacity", 1) % "large")
    with pytest.raises(InvalidFleetError, match=f"^{path}: fleet t: utility_unit: .*{background.START_WITHOUT}$"):
        async with dispatching(store, file=load_yaml(path)):
            pass
