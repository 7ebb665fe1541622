"""`slta audit`: exit codes, the file of findings, and a store that a dispatcher serves meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from redis import Redis
from typer.testing import CliRunner

from slta.cli.audit import app
from slta.fleet_file import Specs, parse_document
from slta.fleet_file.applying import apply_fleet
from slta.models import Findings, Survey
from slta.store import Store, StoreSettings
from slta.store.embedded.server import EmbeddedStore
from slta.store.rebuilds import Rebuilds
from testbed.in_process import TINY
from testbed.servers import EMBEDDED, own_server
from tests.store.conftest import Calls


def audit(*arguments: str, answers: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in this process."""
    unset = {name: None for name in os.environ if name.startswith("SLTA_")}
    done = CliRunner().invoke(app, arguments, input=answers, env=unset | environment)
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def fill(url: str, fleet: str = "f") -> None:
    async def work() -> None:
        store = await Store.open(StoreSettings(url, call_timeout_seconds=10, deadline_seconds=20), Calls())
        await apply_fleet(store, Specs(), fleet, parse_document(json.dumps(TINY)))
        for k in range(5):
            await store.sessions.assign(fleet, f"s{k}", None)
        await store.close()

    asyncio.run(work())


@pytest.fixture
def url() -> Iterator[str]:
    with own_server() as server:
        fill(server.url)
        fill(server.url, "g")
        yield server.url


def test_clean_is_0_and_says_so_of_every_fleet(url: str) -> None:
    command = [sys.executable, "-m", "slta.cli", "audit", "--store-url", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "f: no findings\ng: no findings\n", "")


def test_findings_are_1_and_go_to_the_file_too(url: str, tmp_path: Path) -> None:
    with Redis.from_url(url) as redis:
        redis.zincrby("{g}:pools:0", 7, "1048576")
    done = audit("--json", str(tmp_path / "found.json"), SLTA_STORE_URL=url)
    assert done.returncode == 1
    assert done.stdout.startswith("f: no findings\ng: ")
    sound, damaged = json.loads((tmp_path / "found.json").read_text())
    assert (sound["fleet"], sound["total"]) == ("f", 0)
    assert damaged["sentences"][0].startswith("pool small-1 in pools: ")
    assert f"  {damaged['sentences'][0]}\n" in done.stdout
    assert audit("--store-url", url, "--fleet", "f").returncode == 0


def test_findings_go_to_standard_output_and_the_text_beside_them(url: str) -> None:
    done = audit("--store-url", url, "--json", "-")
    assert [one["fleet"] for one in json.loads(done.stdout)] == ["f", "g"]
    assert (done.returncode, done.stderr) == (0, "f: no findings\ng: no findings\n")


def test_what_could_not_be_checked_is_told_and_no_damage(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Findings(fleet="f", sentences=[], total=0, slices=9, unchecked="sessions of each type")
    monkeypatch.setattr(Rebuilds, "compare", AsyncMock(return_value=(found, Survey())))
    done = audit("--store-url", url, "--fleet", "f")
    assert (done.returncode, done.stdout) == (0, "f: no findings\n  not checked: sessions of each type\n")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--store-url", "unix:///nowhere/at/all"], 3, "slta: the store cannot be used: Error 2 connecting to "),
        (["--store-url", "http://x"], 2, "slta: "),
        (["--data-dir", "/nowhere/at/all"], 3, "slta: There is no data directory /nowhere/at/all"),
    ],
)
def test_a_store_that_cannot_be_audited_is_one_line(arguments: list[str], code: int, said: str) -> None:
    done = audit(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_a_wrong_password_is_named_as_the_cause_and_not_shown() -> None:
    with own_server(EMBEDDED, "--requirepass", "right") as server:
        done = audit(SLTA_STORE_URL=server.url.replace("unix://", "unix://default:wrong@"))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "slta: the store cannot be used: invalid username-password pair or user is disabled.\n"


@pytest.mark.parametrize("name", ["", "a b", "\udcff"])
def test_what_no_fleet_can_be_called_is_refused_and_an_empty_name_does_not_mean_all(url: str, name: str) -> None:
    done = audit("--store-url", url, "--repair", "--fleet", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a fleet name has 1 to 128 of" in done.stderr


def test_findings_are_told_though_their_file_cannot_be_written(url: str) -> None:
    done = audit("--store-url", url, "--json", "/dev/full")
    assert (done.returncode, done.stdout) == (2, "f: no findings\ng: no findings\n")
    assert done.stderr == "slta: /dev/full: No space left on device\n"


def test_a_fleet_that_is_not_there_is_1(url: str) -> None:
    done = audit("--store-url", url, "--fleet", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("nobody: could not be audited: The fleet does not exist: ")


def test_the_embedded_store_is_looked_at_while_a_dispatcher_owns_it_and_after(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "data") as embedded:
        fill(embedded.url)
        assert audit("--data-dir", str(tmp_path / "data")).returncode == 0
    done = audit("--data-dir", str(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (0, "f: no findings\n")


def test_a_repair_mends_what_was_found_and_ends_with_0(url: str) -> None:
    with Redis.from_url(url) as redis:
        redis.delete("{g}:pools:0", "{g}:ids:1048576", "{g}:fleet")
        redis.hset("{g}:sessions", "s9", "rubbish")
        redis.expire("slta:fleets", 1000)
    done = audit("--store-url", url, "--repair", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.sub(r"in \d+ slices", "in some slices", done.stdout) == (
        "g: a repair would set aside 1 of 6 sessions and 0 records of pools:\n  session s9: its record is unreadable\n"
        "the store: no findings\nf: no findings\ng: no findings\n  repaired in some slices\n"
        "  1 unusable records were moved to {g}:aside\n"
    )
    assert audit("--store-url", url).returncode == 0


WOULD_SET_ASIDE = (
    "g: a repair would set aside 2 of 7 sessions and 1 records of pools:\n"
    "  pool ghost: its record is unreadable, or no class has its number\n"
    "  session s8: its record is unreadable\n  session s9: its pool nowhere has no record\n"
)


@pytest.fixture
def doubtful(url: str) -> Redis:
    """The store with a fleet of which a repair would set something aside."""
    redis: Redis
    with Redis.from_url(url, decode_responses=True) as redis:
        redis.hset("{g}:sessions", mapping={"s8": "rubbish", "s9": "nowhere 0 0 0 0 1 y"})
        redis.hset("{g}:records", "ghost", "rubbish")
        return redis


@pytest.mark.parametrize(
    ("answer", "heard"), [("n\n", "[y/N]: "), ("", "No answer: use --yes to confirm without a prompt.\n")]
)
def test_what_would_be_set_aside_is_listed_and_stays(url: str, doubtful: Redis, answer: str, heard: str) -> None:
    done = CliRunner().invoke(app, ["--store-url", url, "--repair"], input=answer)
    assert done.exit_code == 1
    assert done.stdout.startswith(WOULD_SET_ASIDE + "Repair the fleet? [y/N]: ")
    assert heard in done.stdout
    assert "repaired" not in done.stdout
    assert doubtful.hget("{g}:sessions", "s8") == "rubbish"
    assert not doubtful.exists("{g}:aside")


@pytest.mark.parametrize(("arguments", "answers"), [([], "y\n"), (["--yes"], "")])
def test_and_is_set_aside_where_somebody_does(url: str, doubtful: Redis, arguments: list[str], answers: str) -> None:
    done = audit("--store-url", url, "--repair", *arguments, answers=answers)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(WOULD_SET_ASIDE)
    assert "  3 unusable records were moved to {g}:aside\n" in done.stdout
    assert set(doubtful.hkeys("{g}:aside")) == {"session s8", "session s9", "pool ghost"}


def test_a_fleet_without_a_document_is_left_as_it_is(url: str) -> None:
    with Redis.from_url(url, decode_responses=True) as redis:
        redis.delete("{g}:document")
        done = audit("--store-url", url, "--repair", "--yes")
        assert done.returncode == 1
        assert "  document: " in done.stdout
        assert redis.hlen("{g}:sessions") == 5
        assert not redis.exists("{g}:aside")
