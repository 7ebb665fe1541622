"""The command line of the agent, its files in deploy/, and what docs/agent.md says."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from slta.cli.commands import app
from slta.cli.error_messages import NO
from slta_integrations.agent.config import AgentFile, Health, Listing, PoolEntry, Source, load
from slta_integrations.agent.pool import STEPS
from testbed.awaiting import until
from testbed.live_fleet import Fleet
from testbed.processes import Process
from tests.deploy.manifests import VERSIONS, check
from tests.deploy.seccomp import values
from tests.docs.pages import ROOT, Page, rows, words

PAGE = Page(ROOT / "docs/agent.md")
UNIT = ROOT / "deploy/systemd/slta-agent.service"
ENVIRONMENT = {"HOST": "h", "POD_NAME": "pool-1", "POD_IP": "10.0.0.7", "NODE_NAME": "n"}


def called(folder: Path, text: str, *options: str, key: str = "") -> Any:
    (folder / "agent.yaml").write_text(text)
    arguments = ["agent", "--config", str(folder / "agent.yaml"), *options]
    return CliRunner().invoke(app, arguments, env={"SLTA_API_KEY": key})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fleet: f", "{folder}/agent.yaml: pools: field required"),
        ("fleet: f\n{pools}\npresent_file: /nowhere/x", "/nowhere/x: No such file or directory"),
        ("fleet: f\n{pools}\nkey_file: /nowhere", "/nowhere: No such file or directory"),
        ("fleet: f\n{pools}\nkey_file: /dev/null", "/dev/null: must have one API key"),
        (
            "fleet: f\n{pools}\nmetrics_port: 9000\nmetrics_host: 192.0.2.1",
            "metrics_port: 192.0.2.1:9000: Cannot assign",
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    done = called(tmp_path, text.replace("{pools}", "pools: [{pool_id: p, pool_class: c}]"))
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith(f"slta: {message.format(folder=tmp_path)}")
    assert done.stderr.count("\n") == 1


def test_a_check_reads_the_file_and_ends(tmp_path: Path) -> None:
    done = called(tmp_path, "fleet: f\npools: [{pool_id: p, pool_class: c}]", "--check")
    assert (done.exit_code, done.output) == (0, "")


# Files of deploy/ and the page


def test_the_configuration_of_the_page_is_valid(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(PAGE.blocks("yaml")[0])
    entries = load(tmp_path / "agent.yaml", ENVIRONMENT).pools
    assert [entry.pool_id for entry in entries] == ["h-0", "h-1"]
    assert [entry for entry in entries if not (entry.count and entry.sessions)] == []


def sidecar() -> tuple[AgentFile, Any]:
    """The configuration and the pod of the example."""
    config, deployment = yaml.safe_load_all((ROOT / "deploy/agent/sidecar.yaml").read_text())
    file = ROOT / "build" / f"agent-{os.getpid()}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(config["data"]["agent.yaml"])
    try:
        return load(file, ENVIRONMENT), deployment["spec"]["template"]["spec"]
    finally:
        file.unlink()


def test_kubernetes_knows_each_field_of_the_sidecar() -> None:
    for document in yaml.safe_load_all((ROOT / "deploy/agent/sidecar.yaml").read_text()):
        check(document, VERSIONS[-1])


def test_the_sidecar_has_the_files_variables_and_time_that_its_configuration_needs() -> None:
    file, pod = sidecar()
    main, agent = pod["containers"]
    assert file.pools[0].address == "10.0.0.7:9000"
    assert file.pools[0].count
    assert file.pools[0].sessions
    assert {variable["name"] for variable in agent["env"]} == ENVIRONMENT.keys() - {"HOST"}
    assert pod["terminationGracePeriodSeconds"] > file.drain_seconds
    assert agent["ports"][0]["containerPort"] == file.metrics_port
    mounts = {mount["mountPath"]: mount["name"] for mount in agent["volumeMounts"]}
    assert mounts.keys() == {"/run/slta", "/etc/slta/agent", "/etc/slta/secrets"}
    assert sorted(mounts.values()) == sorted(volume["name"] for volume in pod["volumes"])
    assert str(file.present_file) in main["lifecycle"]["preStop"]["exec"]["command"][2]


def test_the_unit_waits_longer_than_the_page_s_example_drains() -> None:
    [seconds] = values(UNIT, "TimeoutStopSec")
    assert int(seconds) > yaml.safe_load(PAGE.blocks("yaml")[0])["drain_seconds"]
    assert values(UNIT, "SuccessExitStatus") == [str(NO)]


@pytest.mark.slow
@pytest.mark.needs("systemd-analyze")
def test_the_unit_s_command_registers_and_removes_a_pool_under_its_filter(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "agent.key").write_text("any\n")
    (tmp_path / "agent.yaml").write_text(
        f"{{url: '{fleet.service.url}', fleet: {fleet.name}, key_file: '${{CREDENTIALS_DIRECTORY}}/agent.key', "
        "pools: [{pool_id: p, pool_class: c, health: {command: ['true']}}]}"
    )
    [line] = values(UNIT, "ExecStart")
    options = line.replace("/etc/slta/agent.yaml", str(tmp_path / "agent.yaml")).split()[1:]
    confined = [sys.executable, "-m", "tests.deploy.seccomp", str(UNIT), sys.executable, "-m", "slta.cli"]
    environment = os.environ | {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    with Process(*confined, *options, is_clean=True, cwd=ROOT, env=environment) as process:
        until(lambda: "p" in pools(fleet) or process.poll() is not None)
    assert "p" not in pools(fleet)


def pools(fleet: Fleet) -> set[str]:
    return {entry["pool_id"] for entry in fleet.call("GET", "pools?limit=1000")["pools"]}


def test_the_page_has_every_field() -> None:
    tables = rows(PAGE.section("Configuration"))
    named = {words(name)[0] for name, *_ in tables if words(name)}
    assert named == {field for part in (AgentFile, PoolEntry, Source, Health, Listing) for field in part.model_fields}


def test_the_page_has_the_defaults() -> None:
    shown = {words(name)[0]: default for name, default, *_ in rows(PAGE.section("Configuration")) if words(name)}
    for field in ("ttl_seconds", "drain_seconds", "metrics_host"):
        assert shown[field].strip("`") == f"{AgentFile.model_fields[field].default:{'g' if 'sec' in field else ''}}"
    assert f"`{AgentFile.model_fields['url'].default}`" in PAGE.section("Configuration")
    timeouts = [part.model_fields["timeout_seconds"].default for part in (Source, Health)]
    assert shown["timeout_seconds"] == "{:g}, of `health` {:g}".format(*timeouts)
    assert shown["every_seconds"] == f"{Health.model_fields['every_seconds'].default:g}"
    assert shown["settle_seconds"] == f"{Listing.model_fields['settle_seconds'].default:g}"


def test_the_page_has_every_operation() -> None:
    [sentence] = [part for part in PAGE.section("Metrics").split("\n\n") if part.startswith("Operations: ")]
    assert set(words(sentence)) == {"heartbeats", *STEPS}
