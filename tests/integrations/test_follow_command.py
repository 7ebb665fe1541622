"""The command line of the follower, its metrics over HTTP, and what docs/follow.md says of them."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from slta.api.http.openapi import ERRORS
from slta.cli.commands import app
from slta.models.errors import REFUSE_ASSIGN, AdviceWithheldError
from slta_client.replies import Reply
from slta_integrations.follow import log_line, operations
from testbed.awaiting import until
from testbed.follower import FollowerProcess
from testbed.live_fleet import Fleet
from testbed.servers import free_port
from tests.docs.pages import ROOT, Page, rows, words
from tests.integrations.logs import Log

PAGE = Page(ROOT / "docs/follow.md")


def called(folder: Path, *options: str) -> Any:
    given = ["follow", "--fleet", "f", "--state-dir", str(folder / "state"), *options]
    return CliRunner().invoke(app, given, env={"SLTA_API_KEY": ""})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give one of --file and --listen"),
        (["--file", "x", "--listen", "udp://127.0.0.1:1"], "give one of --file and --listen"),
        (["--file", "/"], "--file: / is not a regular file"),
        (["--listen", "5140"], "--listen: must be udp://ADDRESS:PORT or unix:///PATH, not '5140'"),
        (["--listen", "unix:///nowhere/s"], "--listen: No such file or directory"),
        (["--listen", "udp://192.0.2.1:5140"], "--listen: Cannot assign requested address"),
        (["--file", "x", "--url", "127.0.0.1:80"], "Invalid value for '--url' (env var: 'SLTA_URL'): a URL "),
        (["--file", "x", "--fleet", ".."], "Invalid value for '--fleet' (env var: 'SLTA_FLEET'): a fleet name "),
        (["--file", "x", "--lease", "0.0001"], "--lease: must be 0, for none, or 0.001 to 315,360,000 seconds"),
        (["--file", "x", "--lease", "nan"], "Invalid value for '--lease': 'nan' is no duration such as 90s"),
        (["--file", "x", "--key-file", "/nowhere"], "/nowhere: No such file or directory"),
        (["--file", "x", "--key-file", "/dev/null"], "/dev/null: must have one API key"),
        (["--file", "x", "--state-dir", "/dev/null"], "/dev/null: "),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    done = called(tmp_path, *options)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith(f"slta: {message}")
    assert done.stderr.count("\n") == 1


def test_a_port_of_the_metrics_that_is_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        done = called(tmp_path, "--file", "x", "--metrics-port", str(port))
    assert (done.exit_code, done.stderr) == (2, f"slta: --metrics-port: 127.0.0.1:{port}: Address already in use\n")


@pytest.mark.parametrize("key", [b"two words", b"two\xff"])
def test_a_key_that_is_none_is_refused_without_showing_it(tmp_path: Path, key: bytes) -> None:
    (tmp_path / "key").write_bytes(key)
    done = called(tmp_path, "--file", "x", "--key-file", str(tmp_path / "key"))
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "two" not in done.output


def test_the_metrics_are_served(fleet: Fleet, log: Log, tmp_path: Path) -> None:
    port = free_port()
    options = ["--file", str(log.path), "--metrics-port", str(port)]
    with FollowerProcess(fleet.service.url, fleet.name, tmp_path, *options):
        log.write(*fleet.begin_and_end("a"))
        done = 'slta_follow_answers_total{operation="complete",outcome="completed"} 1.0'
        until(lambda: done in httpx.get(f"http://127.0.0.1:{port}/metrics").text)


# The page


def test_the_page_has_every_kind_of_line_that_is_skipped_and_every_code_that_is_repeated() -> None:
    assert {word for name, *_ in rows(PAGE.section("Lines")) for word in words(name)} >= set(log_line.SKIPPED)
    of_others = {*REFUSE_ASSIGN, AdviceWithheldError}
    found = {error.code: Reply(error.status, error.code, {}) for error in ERRORS if error not in of_others}
    repeated = {code for code, outcome in found.items() if not operations.is_final(outcome)}
    assert set(words(PAGE.section("What is repeated"))) >= repeated
