"""`slta upgrade`: what it says, and that a fleet is served again afterwards."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner, Result

from service.cli.commands import app
from service.metrics import Metrics
from service.store import Store, StoreSettings
from service.store.fleets import FLEETS_KEY
from tests.servers import running_server
from tests.store.fleets import TWO_CLASSES, create, place, spec
from tests.store.test_upgrade import to_layout_1


def upgrade(*options: str) -> Result:
    return CliRunner().invoke(app, ["upgrade", *options])


async def make_fleets(url: str, *names: str) -> None:
    store = await Store.open(StoreSettings(url), Metrics())
    for name in names:
        await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2}, name)
        await place(store, 5, name=name)
    await store.close()


async def pool_of(url: str, fleet: str, session_id: str) -> str:
    store = await Store.open(StoreSettings(url), Metrics())
    pool_id = (await store.sessions.get(fleet, session_id)).pool_id
    await store.close()
    return pool_id


@pytest.fixture
def url() -> Iterator[str]:
    """A server with one fleet of layout 1 and one of the present layout."""
    with running_server() as server:
        asyncio.run(make_fleets(server, "older", "present"))
        with Redis.from_url(server, encoding="latin-1", decode_responses=True) as redis:
            to_layout_1(redis, "older")
        yield server


def test_it_names_what_it_upgraded_and_may_be_repeated(url: str) -> None:
    first = upgrade("--store-url", url)
    assert (first.exit_code, first.stdout) == (0, "upgraded: older\n")
    assert asyncio.run(pool_of(url, "older", "s0"))
    again = upgrade("--store-url", url)
    assert (again.exit_code, again.stdout) == (0, "nothing to upgrade\n")


def test_a_name_without_a_fleet_is_passed_over(url: str) -> None:
    """Left by a process that ended between the name and the fleet."""
    with Redis.from_url(url) as redis:
        redis.sadd(FLEETS_KEY, "a-ghost")
    command = [sys.executable, "-m", "service.cli", "upgrade", "--store-url", url]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "upgraded: older\n")
    assert "a-ghost" in result.stderr


def test_a_store_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    result = upgrade("--store-url", f"unix://{tmp_path}/nobody")
    assert result.exit_code == 2
    assert result.stderr.startswith("slta: The store did not answer")


def test_without_a_url_it_takes_the_embedded_store_s_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    result = upgrade("--data-dir", str(tmp_path / "data"))
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "nothing to upgrade")


def test_a_folder_that_is_not_there_is_one_line_and_is_not_made(tmp_path: Path) -> None:
    result = upgrade("--data-dir", str(tmp_path / "dat"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"slta: There is no data folder {tmp_path}/dat: give --data-dir or --store-url.\n"
    assert list(tmp_path.iterdir()) == []
