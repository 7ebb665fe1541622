"""The manifests of deploy/kubernetes are valid, agree with each other and with the page. No API server is asked."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from slta import release
from slta.fleet_file import load_yaml
from tests.deploy.manifests import (
    BASE,
    FOLDER,
    OPERATOR,
    OVERLAY,
    PAGE,
    VERSIONS,
    check,
    documents,
    of_kind,
    pod,
    the,
    volumes,
)

SCHEMA = yaml.safe_load((Path(__file__).parent / "operator_schema.yaml").read_text(encoding="utf-8"))
NAMESPACE = "slta"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [BASE, OVERLAY])
def test_each_document_is_valid_and_has_no_field_that_kubernetes_does_not_know(name: str, version: str) -> None:
    own = [document for document in documents(name) if document["apiVersion"] != OPERATOR]
    assert own
    for document in own:
        check(document, version)


def test_each_document_of_the_operator_is_valid() -> None:
    custom = [document for document in documents() if document["apiVersion"] == OPERATOR]
    assert {document["kind"] for document in custom} == {"PrometheusRule", "ServiceMonitor"}
    for document in custom:
        jsonschema.validate(document, SCHEMA)


def test_the_page_names_the_versions_that_the_manifests_are_checked_against() -> None:
    assert f"Kubernetes {VERSIONS[0]} to {VERSIONS[1].removesuffix('.0')}" in PAGE.read_text(encoding="utf-8")


def test_everything_is_in_one_namespace() -> None:
    assert the("Namespace")["metadata"]["name"] == NAMESPACE
    others = [document for document in documents() if document["kind"] != "Namespace"]
    assert {document["metadata"]["namespace"] for document in others} == {NAMESPACE}


def test_the_base_needs_neither_the_operator_nor_a_store() -> None:
    kinds = {document["kind"] for document in documents(BASE)}
    assert kinds == {"Namespace", "ServiceAccount", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"}


# Names


def secrets_of_the_page() -> dict[str, set[str]]:
    """The Secrets that the page creates, and their keys."""
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"create secret generic (\S+)(.*)", text)
    return {name: set(re.findall(r'--from-file="\$secrets/([\w.]+)"', rest)) for name, rest in commands}


def config_maps() -> dict[str, set[str]]:
    return {one["metadata"]["name"]: set(one["data"]) for one in of_kind("ConfigMap")}


def test_each_volume_is_of_a_secret_of_the_page_or_of_a_config_map_of_the_overlay() -> None:
    for _, volume in volumes():
        if "secret" in volume:
            assert volume["secret"]["secretName"] in secrets_of_the_page()
        elif "configMap" in volume:
            assert volume["configMap"]["name"] in config_maps()
        else:
            assert set(volume) == {"name", "emptyDir"}


def test_each_key_of_a_scrape_is_in_a_secret_of_the_page() -> None:
    for endpoint in the("ServiceMonitor")["spec"]["endpoints"]:
        credentials = endpoint["authorization"]["credentials"]
        assert credentials["key"] in secrets_of_the_page()[credentials["name"]]


def selectors(node: Any) -> Iterator[dict[str, str]]:
    """What selects pods of this namespace or its Service, wherever in the documents."""
    for name, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if name in {"selector", "podSelector", "labelSelector"}:
            yield value.get("matchLabels", {}) if set(value) <= {"matchLabels"} else value
        elif name not in {"from", "to"}:
            yield from selectors(value)


def test_each_selector_finds_the_dispatchers_and_the_monitor_s_their_service() -> None:
    found = [selector for document in documents() for selector in selectors(document)]
    assert len(found) == 11
    for selector in found:
        assert selector.items() <= pod()["metadata"]["labels"].items()
    service = the("ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert service
    assert service.items() <= the("Service")["metadata"]["labels"].items()


def test_each_port_that_is_named_is_one_of_the_container_or_of_the_service() -> None:
    (container,) = pod()["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    (service,) = the("Service")["spec"]["ports"]
    probes = [container[kind]["httpGet"]["port"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")]
    incoming = [
        port["port"]
        for policy in of_kind("NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        for port in rule["ports"]
    ]
    assert {service["targetPort"], *probes, *incoming} == ports
    assert {endpoint["port"] for endpoint in the("ServiceMonitor")["spec"]["endpoints"]} == {service["name"]}


def test_the_service_account_is_there_and_has_no_token() -> None:
    assert pod()["spec"]["serviceAccountName"] == the("ServiceAccount")["metadata"]["name"]
    assert pod()["spec"]["automountServiceAccountToken"] is False
    assert the("ServiceAccount")["automountServiceAccountToken"] is False


def test_the_image_has_the_version_of_the_service() -> None:
    (container,) = pod()["spec"]["containers"]
    assert container["image"] == f"registry.example.org/slta:{release()}"
    assert container["image"] in PAGE.read_text(encoding="utf-8")


def test_the_fleet_is_one_that_a_dispatcher_accepts(tmp_path: Path) -> None:
    (text,) = (one["data"]["fleet.yaml"] for one in of_kind("ConfigMap") if "fleet.yaml" in one["data"])
    file = tmp_path / "fleet.yaml"
    file.write_text(text, encoding="utf-8")
    assert load_yaml(file).name == "main"


def test_the_commands_of_the_page_are_shell() -> None:
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_no_manifest_holds_a_secret() -> None:
    assert not of_kind("Secret")
    assert [path for path in FOLDER.rglob("*.yaml") if re.search("secretGenerator", path.read_text())] == []
