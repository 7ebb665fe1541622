"""deploy/kubernetes/watcher as the page says to use it: rendered beside the dispatchers, valid, in their namespace."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import FOLDER, OPERATOR, OVERLAY, ROOT, VERSIONS, check, kustomize
from tests.docs.pages import Page
from tests.inventory import each

PAGE = Page(ROOT / "docs/kubernetes-pods.md")
NAME = {"app.kubernetes.io/name": "slta-watcher"}
HPA, KEDA = (FOLDER / f"watcher/autoscalers/{name}.yaml" for name in ("hpa", "keda"))
APPLIED = [*sorted((FOLDER / "watcher/roles").glob("*.yaml")), HPA]


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Of the overlay, in a copy with the lines of the page at its end."""
    folder = tmp_path_factory.mktemp("deploy")
    for name in ("kubernetes", "grafana"):
        shutil.copytree(ROOT / "deploy" / name, folder / name)
    file = folder / "kubernetes" / OVERLAY / "kustomization.yaml"
    [lines] = PAGE.blocks("yaml")
    overlay = yaml.safe_load(file.read_text(encoding="utf-8"))
    overlay["components"] += yaml.safe_load(lines)["components"]
    file.write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return [one for one in kustomize(file.parent) if one["apiVersion"] != OPERATOR]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_document_is_valid(documents: list[dict[str, Any]], version: str) -> None:
    own = [one for one in documents if one["metadata"].get("labels") == NAME or "watcher" in one["metadata"]["name"]]
    assert len(own) == 6
    for document in own:
        check(document, version)


@each(("file", "version"), [(file, version) for file in APPLIED for version in VERSIONS])
def test_what_is_applied_in_the_services_namespace_is_valid(file: Path, version: str) -> None:
    for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
        check(document, version)


def test_the_page_names_the_versions_that_the_manifests_are_checked_against() -> None:
    assert f"Kubernetes {VERSIONS[0]} and {VERSIONS[1].removesuffix('.0')}" in " ".join(PAGE.text.split())


def test_it_runs_in_the_namespace_and_by_the_image_of_the_dispatchers(documents: list[dict[str, Any]]) -> None:
    deployments = {one["metadata"]["name"]: one for one in documents if one["kind"] == "Deployment"}
    assert len({one["metadata"]["namespace"] for one in deployments.values()}) == 1
    images = {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in deployments.values()}
    assert len(images) == 1


def template(documents: list[dict[str, Any]]) -> Any:
    """Of its pod."""
    [deployment] = (one for one in documents if one["kind"] == "Deployment" and one["metadata"]["labels"] == NAME)
    return deployment["spec"]["template"]


def test_nothing_of_the_dispatchers_selects_it(documents: list[dict[str, Any]]) -> None:
    labels = template(documents)["metadata"]["labels"]
    selectors = [one["spec"]["selector"] for one in documents if one["kind"] in {"Service", "PodDisruptionBudget"}]
    assert selectors
    for selector in selectors:
        assert not selector.get("matchLabels", selector).items() <= labels.items()


def test_its_secret_is_the_one_that_the_page_creates(documents: list[dict[str, Any]]) -> None:
    [volume] = template(documents)["spec"]["volumes"]
    assert f"create secret generic {volume['secret']['secretName']} -n slta --from-file=watcher.key" in PAGE.text


def test_both_autoscalers_set_the_figure_and_keep_the_replicas_without_it() -> None:
    hpa, keda = (yaml.safe_load(file.read_text(encoding="utf-8"))["spec"] for file in (HPA, KEDA))
    [metric] = (one["external"]["metric"] for one in hpa["metrics"])
    assert hpa["metrics"][0]["external"]["target"] == {"type": "AverageValue", "averageValue": "1"}
    selected = ",".join(f'{key}="{value}"' for key, value in metric["selector"]["matchLabels"].items())
    query = {"query": f"max({metric['name']}{{{selected}}})", "threshold": "1", "ignoreNullValues": "false"}
    query["serverAddress"] = keda["triggers"][0]["metadata"]["serverAddress"]
    assert keda == {
        "scaleTargetRef": {"name": hpa["scaleTargetRef"]["name"]},
        "minReplicaCount": hpa["minReplicas"],
        "maxReplicaCount": hpa["maxReplicas"],
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": hpa["behavior"]}},
        "triggers": [{"type": "prometheus", "metricType": "AverageValue", "metadata": query}],
    }
    assert hpa["minReplicas"] == 1
