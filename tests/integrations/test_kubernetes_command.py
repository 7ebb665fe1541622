"""The command line of `slta kubernetes`, its metrics, its manifests, and what docs/kubernetes-pods.md says of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from slta.cli.commands import app
from slta.cli.error_messages import UserError
from slta.parsing import NAME_RULE
from slta_integrations.kubernetes import api_server, command
from slta_integrations.kubernetes.api_server import in_cluster
from slta_integrations.kubernetes.desired_pools import pool_id
from slta_integrations.kubernetes.metrics import REASONS
from slta_integrations.kubernetes.options import namespaces
from testbed.awaiting import until
from testbed.live_fleet import Fleet
from testbed.processes import Process
from testbed.servers import free_port
from tests.docs.pages import ROOT, Page, words
from tests.integrations.api_server import FakeApiServer, endpoint, slice_of, uid_of
from tests.integrations.watching import watcher


def test_the_command_follows_pods_and_releases_the_lease(api: FakeApiServer, fleet: Fleet, tmp_path: Path) -> None:
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    port = free_port()
    with Process(*watcher(api, fleet, tmp_path), "--metrics-port", str(port), is_clean=True):
        until(lambda: fleet.call("GET", f"pools/{pool_id('a', uid_of('a'))}"), (httpx.HTTPError,))
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert 'slta_kubernetes_pools{pool_status="active"} 1.0' in metrics
        assert "slta_kubernetes_leader 1.0" in metrics
    assert api.lease["spec"]["holderIdentity"] is None


def called(*given: str) -> Any:
    arguments = ["--fleet", "f", "--api-server", "http://127.0.0.1:1", "--namespace", "games", *given]
    return CliRunner().invoke(app, ["kubernetes", *arguments])


FAMILY = "Invalid value for '--address-type': 'v4' is not one of 'IPv4', 'IPv6', 'FQDN'; see root kubernetes --help"
DEPLOYMENTS = "--deployment: give one for each class with --scale, none without"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["--service", "svc"], "--service: give CLASS=NAME, not 'svc'"),
        (["--service", "c=SVC"], "--service: cannot be 'SVC'"),
        (["--service", "c d=svc"], f"--service: a class has {NAME_RULE}, not 'c d'"),
        (["--service", "c=svc", "--service", "d=svc"], "--service: svc is given twice"),
        (["--service", "c=svc", "--namespace", "a,b"], "--namespace: cannot be 'a,b'"),
        (["--service", "c=svc", "--lease-name", "A"], "--lease-name: cannot be 'A'"),
        (["--service", "c=svc", "--class-label", "a=b"], "--class-label: cannot be 'a=b'"),
        (["--service", "c=svc", "--address-type", "v4"], FAMILY),
        (["--service", "c=svc", "--deployment", "d"], "--deployment: give CLASS=NAME, not 'd'"),
        (["--service", "c=svc", "--deployment", "c=d"], DEPLOYMENTS),
        (["--service", "c=svc", "--scale", "drain"], DEPLOYMENTS),
        (["--service", "c=svc", "--scale", "drain", "--deployment", "c=d", "--deployment", "c=e"], DEPLOYMENTS),
        (["--service", "c=svc", "--source", "a b"], "--source: cannot be 'a b'"),
        (["--service", "c=svc", "--token-file", "/nowhere"], "/nowhere: No such file or directory"),
        (["--service", "c=svc", "--ca-file", "/nowhere"], "/nowhere: No such file or directory"),
    ],
)
def test_an_option_that_cannot_be_used_is_one_line(given: list[str], reason: str) -> None:
    done = called(*given)
    assert (done.exit_code, done.stderr) == (2, f"slta: {reason}\n")


def test_in_a_cluster_the_service_account_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    access = in_cluster(tmp_path)
    assert access == ("https://[fd00::1]:6443", tmp_path / "token", tmp_path / "ca.crt")
    (tmp_path / "token").write_text("abc\n")
    assert access.headers() == {"Authorization": "Bearer abc"}


def test_outside_of_a_cluster_the_api_server_and_the_namespace_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(UserError, match="--api-server: required"):
        in_cluster()
    done = CliRunner().invoke(app, ["kubernetes", "--fleet", "f", "--service", "c=svc"])
    assert (done.exit_code, done.stderr) == (2, "slta: --namespace: required outside of a cluster\n")


def test_the_lease_is_in_the_own_namespace(tmp_path: Path) -> None:
    (tmp_path / "namespace").write_text("slta")
    assert namespaces("games", tmp_path) == ("games", "slta")
    assert namespaces(None, tmp_path) == ("slta", "slta")


async def test_a_part_that_loses_a_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = 0

    async def stubborn() -> None:
        nonlocal cancelled
        while cancelled < 2:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                cancelled += 1

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    wait = asyncio.wait
    monkeypatch.setattr(asyncio, "wait", lambda tasks, timeout: wait(tasks, timeout=timeout / 100))
    await command._end([task])
    assert cancelled == 2


# Metrics


def test_a_watch_has_its_bookmark_and_ends_before_it_is_given_up() -> None:
    assert 2 < api_server.WATCH_SECONDS < api_server.DEAD_SECONDS < 20


# The page

PAGE = Page(ROOT / "docs/kubernetes-pods.md")


def test_the_page_has_every_reason() -> None:
    assert set(words(PAGE.section("Metrics"))) >= set(REASONS)
