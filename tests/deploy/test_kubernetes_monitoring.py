"""Rules, dashboard and scrapes on Kubernetes are those of deploy/prometheus and deploy/grafana."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from deploy.grafana import dashboard
from deploy.identity import INSTALLATION
from deploy.prometheus import write_rules
from testbed.awaiting import until
from testbed.processes import Process
from testbed.servers import free_port
from tests.deploy.manifests import ROOT, of_kind, the

COMPOSE = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
PODS = ("127.0.0.1", "127.0.0.2")
NEVER = "1d"
"""Until the first scrape, or so: where Prometheus would ask is what matters."""


def test_the_resources_are_what_the_sources_say() -> None:
    text = write_rules.RESOURCES.read_text(encoding="utf-8")
    assert text == write_rules.resources(), "change deploy/prometheus/source, then make format"


def test_each_file_of_rules_is_a_resource_with_the_same_groups() -> None:
    files = {f"slta-{path.stem}": yaml.safe_load(path.read_text(encoding="utf-8")) for path, _ in write_rules.written()}
    assert {one["metadata"]["name"]: one["spec"] for one in of_kind("PrometheusRule")} == files


def test_the_dashboard_is_the_json_of_grafana() -> None:
    board = the("ConfigMap", "slta-dashboard")
    assert board["data"] == {dashboard.FILE.name: dashboard.FILE.read_text(encoding="utf-8")}
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_both_parts_are_asked_for_as_under_compose() -> None:
    of_compose = {job["job_name"]: job["params"] for job in COMPOSE["scrape_configs"] if "params" in job}
    endpoints = the("ServiceMonitor")["spec"]["endpoints"]
    assert [endpoint["params"] for endpoint in endpoints] == [of_compose["slta"], of_compose["slta-fleets"]]


# What a Prometheus makes of it


def in_prometheus(relabeling: dict[str, Any]) -> dict[str, Any]:
    """The operator's spelling in Prometheus's own."""
    return {re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name): value for name, value in relabeling.items()}


def of_the_operator(endpoint: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The relabelings that the operator writes before an endpoint's own."""
    yield {"action": "keep", "source_labels": ["__meta_kubernetes_endpointslice_port_name"], "regex": endpoint["port"]}
    for label, source in (("namespace", "namespace"), ("service", "service_name"), ("pod", "pod_name"),
                          ("container", "pod_container_name"), ("job", "service_name")):  # fmt: skip
        yield {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": label, "replacement": "${1}"}
    yield {"target_label": "endpoint", "replacement": endpoint["port"]}


def discovered(address: str) -> dict[str, Any]:
    """The target of a pod of the Service, with what Kubernetes tells of it."""
    labels = {
        "namespace": the("Service")["metadata"]["namespace"],
        "service_name": the("Service")["metadata"]["name"],
        "endpointslice_port_name": the("Service")["spec"]["ports"][0]["name"],
        "pod_name": f"slta-{address}",
        "pod_container_name": "slta",
    }
    return {
        "targets": [f"{address}:8080"],
        "labels": {f"__meta_kubernetes_{name}": value for name, value in labels.items()},
    }


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """What a Prometheus scrapes of two pods."""
    folder = tmp_path_factory.mktemp("prometheus")
    jobs = [
        {
            "job_name": f"serviceMonitor/slta/slta/{number}",
            "scrape_interval": NEVER,
            "params": endpoint["params"],
            "metrics_path": endpoint["path"],
            "static_configs": list(map(discovered, PODS)),
            "relabel_configs": [*of_the_operator(endpoint), *map(in_prometheus, endpoint.get("relabelings", []))],
        }
        for number, endpoint in enumerate(the("ServiceMonitor")["spec"]["endpoints"])
    ]
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": jobs}), encoding="utf-8")
    port = free_port()
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    options += [f"--web.listen-address=127.0.0.1:{port}"]
    with Process("prometheus", *options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        yield active(f"http://127.0.0.1:{port}/api/v1/targets?state=active")


def active(url: str) -> list[dict[str, Any]]:
    def found() -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = httpx.get(url).raise_for_status().json()["data"]["activeTargets"]
        return answer

    until(lambda: {target["scrapePool"][-1] for target in found()} == {"0", "1"}, (httpx.HTTPError,))
    return found()


@pytest.mark.slow
@pytest.mark.needs("prometheus")
def test_each_dispatcher_is_scraped_and_the_fleets_once_through_the_service(targets: list[dict[str, Any]]) -> None:
    urls = sorted(target["scrapeUrl"] for target in targets)
    assert urls == [
        "http://127.0.0.1:8080/metrics?of=process",
        "http://127.0.0.2:8080/metrics?of=process",
        "http://slta.slta.svc:8080/metrics?levels=1&of=fleets",
    ]


@pytest.mark.slow
@pytest.mark.needs("prometheus")
def test_all_targets_are_of_one_installation_and_none_stands_for_another(targets: list[dict[str, Any]]) -> None:
    installations = {tuple(target["labels"].get(label, "") for label in INSTALLATION) for target in targets}
    assert installations == {("", "slta", "slta")}
    assert len({target["labels"]["instance"] for target in targets}) == len(targets)
