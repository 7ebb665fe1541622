"""The manifests of the watcher: the rights are those that it uses, the options exist, names and labels match."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from slta import release
from slta.cli.commands import app
from slta_integrations.kubernetes import command
from slta_integrations.kubernetes.api_server import Access
from slta_integrations.kubernetes.desired_pools import Selection
from slta_integrations.kubernetes.options import WatchOptions
from testbed.awaiting import until
from testbed.live_fleet import Fleet
from tests.docs.pages import ROOT
from tests.integrations.api_server import FakeApiServer, endpoint, slice_of, uid_of
from tests.integrations.watching import Watching
from tests.inventory import each

FOLDER = ROOT / "deploy/kubernetes/watcher"
FILES = {path.stem: path for path in FOLDER.rglob("*.yaml")}
OWN = "slta-watcher"
LEASES, SLICES = "coordination.k8s.io/leases", "discovery.k8s.io/endpointslices"
GROUPS = {
    "leases": LEASES,
    "endpointslices": SLICES,
    "pods": "/pods",
    "deployments": "apps/deployments",
    "deployments/scale": "apps/deployments/scale",
    "horizontalpodautoscalers": "autoscaling/horizontalpodautoscalers",
    "scaledobjects": "keda.sh/scaledobjects",
}

Rights = set[tuple[str, str]]


def documents(*names: str) -> list[dict[str, Any]]:
    return [one for name in names for one in yaml.safe_load_all(FILES[name].read_text(encoding="utf-8"))]


def the(kind: str, name: str) -> dict[str, Any]:
    [found] = [one for one in documents(name) if one["kind"] == kind]
    return found


def rights(*names: str) -> Rights:
    """Verb and resource of each rule."""
    roles = [one for one in documents(*names) if one["kind"] == "Role"]
    return {
        (verb, f"{group}/{resource}")
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def pod() -> dict[str, Any]:
    template: dict[str, Any] = the("Deployment", "deployment")["spec"]["template"]
    return template


def container() -> dict[str, Any]:
    [found] = pod()["spec"]["containers"]
    return dict(found)


# Rights


def test_the_rights_are_to_read_slices_and_to_hold_the_lease() -> None:
    reads = {(verb, SLICES) for verb in ("get", "list", "watch")}
    assert rights("slices", "lease-role") == reads | {(verb, LEASES) for verb in ("get", "create", "update")}
    assert rights("pods") == {(verb, "/pods") for verb in ("get", "list", "watch")}
    lists = {("list", GROUPS[resource]) for resource in ("pods", "horizontalpodautoscalers", "scaledobjects")}
    writes = {("patch", "/pods"), ("update", "apps/deployments/scale")}
    assert rights("scale") == lists | writes | {("get", "apps/deployments")}


@pytest.mark.parametrize(
    ("options", "files"),
    [
        ({}, ("slices", "lease-role")),
        ({"selection": Selection({"svc-c": ""}), "class_label": "class"}, ("slices", "lease-role", "pods")),
    ],
)
def test_a_watcher_uses_its_rights_and_no_others(
    api: FakeApiServer, fleet: Fleet, tmp_path: Path, options: dict[str, Any], files: tuple[str, ...]
) -> None:
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    api.put({"metadata": {"name": "a", "uid": uid_of("a"), "labels": {"class": "c"}}}, kind="pods")
    token = tmp_path / "token"
    token.write_text("first")
    with Watching(api, fleet.service.url, fleet.name, token, **options) as watching:
        until(lambda: watching.changes == 1)
    used = {(verb, GROUPS[resource]) for verb, resource, _ in api.calls}
    assert used <= rights(*files)
    assert {resource for _, resource in used} == {resource for _, resource in rights(*files)}


def test_the_lease_of_the_role_is_that_of_the_option() -> None:
    named = [rule["resourceNames"] for rule in the("Role", "lease-role")["rules"] if "resourceNames" in rule]
    default = [one.default for one in _options() if one.name == "lease_name"]
    assert named == [default]
    assert [argument for argument in container()["args"] if "--lease-name" in argument] == []


def _options() -> Any:
    return typer.main.get_command(command.app).params


@each("name", ["slices", "pods", "scale", "lease-role"])
def test_each_role_is_bound_to_the_account_of_the_deployment(name: str) -> None:
    binding = the("RoleBinding", name)
    assert binding["roleRef"]["name"] == the("Role", name)["metadata"]["name"]
    [subject] = binding["subjects"]
    assert (subject["name"], subject["namespace"]) == (pod()["spec"]["serviceAccountName"], "slta")
    assert subject["name"] == the("ServiceAccount", "deployment")["metadata"]["name"]


# Deployment


def test_its_options_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[WatchOptions] = []

    async def record(options: WatchOptions, *_: object) -> None:
        begun.append(options)

    key = tmp_path / "watcher.key"
    key.write_text("key")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setattr(command, "ACCOUNT", tmp_path)
    monkeypatch.setattr(command, "run", record)
    monkeypatch.setattr(command, "serve_metrics", lambda *_: None)
    monkeypatch.setattr(command, "in_cluster", lambda: Access("https://10.96.0.1"))
    (tmp_path / "namespace").write_text("slta")
    arguments = [one.replace("/etc/slta/secrets/watcher.key", str(key)) for one in container()["args"]]
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.output) == (0, "")
    assert begun[0].selection.classes == {"svc-small": "small", "svc-large": "large"}
    assert (begun[0].lease_namespace, begun[0].namespace, begun[0].target.url) == ("slta", "games", "http://slta:8080")


def test_its_key_and_its_port_are_where_the_options_say() -> None:
    [mount] = container()["volumeMounts"]
    assert f"--key-file={mount['mountPath']}/watcher.key" in container()["args"]
    [port] = container()["ports"]
    assert f"--metrics-port={port['containerPort']}" in container()["args"]
    assert container()["livenessProbe"]["httpGet"]["port"] == port["name"]


def test_it_has_the_image_and_the_user_of_the_dispatchers() -> None:
    assert container()["image"] == f"slta:{release()}"
    user = f"USER {pod()['spec']['securityContext']['runAsUser']}:{pod()['spec']['securityContext']['runAsGroup']}"
    assert user in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_it_meets_the_restricted_pod_security_standard() -> None:
    assert pod()["spec"]["securityContext"]["runAsNonRoot"] is True
    assert pod()["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_policies_let_it_reach_the_dispatchers_and_them_only() -> None:
    first, second = documents("network-policies")
    assert first["spec"]["podSelector"]["matchLabels"] == pod()["metadata"]["labels"]
    assert second["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"] == pod()["metadata"]["labels"]
    dispatchers = second["spec"]["podSelector"]
    assert dispatchers == {"matchLabels": {"app.kubernetes.io/name": "slta"}}
    assert {"to": [{"podSelector": dispatchers}], "ports": [{"port": 8080}]} in first["spec"]["egress"]


def test_the_component_has_every_file_but_the_roles_of_other_namespaces() -> None:
    resources = the("Component", "kustomization")["resources"]
    assert {FOLDER / name for name in resources} == set(FOLDER.glob("*.yaml")) - {FILES["kustomization"]}
