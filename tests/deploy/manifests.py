"""The manifests of deploy/kubernetes as `kubectl kustomize` renders them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from testbed.programs import find

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/kubernetes"
BASE = "base"
OVERLAY = "overlays/external-redis"
PAGE = ROOT / "docs/kubernetes.md"
OPERATOR = "monitoring.coreos.com/v1"
VERSIONS = ("1.27", kubernetes_validate.latest_version())
"""Of Kubernetes: the oldest with `unhealthyPodEvictionPolicy` unless asked for, and the newest that is known."""

kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)


@cache
def documents(name: str = OVERLAY) -> list[dict[str, Any]]:
    """The documents of a kustomization, which gives no warning."""
    return kustomize(FOLDER / name)


def kustomize(folder: Path) -> list[dict[str, Any]]:
    command = [find("kubectl") or "kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


def check(document: dict[str, Any], version: str) -> None:
    """Kubernetes of this version knows each field of the document, and accepts its value."""
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        raise AssertionError(f"{document['kind']}/{document['metadata']['name']}: {error.message}") from None


def of_kind(kind: str) -> list[dict[str, Any]]:
    """Those of one kind in the overlay."""
    return [document for document in documents() if document["kind"] == kind]


def the(kind: str, name: str | None = None) -> dict[str, Any]:
    """The only one of its kind in the overlay, or that of a name."""
    (found,) = (one for one in of_kind(kind) if name in {None, one["metadata"]["name"]})
    return found


def pod() -> dict[str, Any]:
    """The template of a dispatcher's pod."""
    template: dict[str, Any] = the("Deployment")["spec"]["template"]
    return template


def container() -> dict[str, Any]:
    (found,) = pod()["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def environment() -> dict[str, str]:
    """The container's variables."""
    return {one["name"]: one["value"] for one in container()["env"]}


def volumes() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each mount of the container and its volume."""
    by_name = {volume["name"]: volume for volume in pod()["spec"]["volumes"]}
    for mount in container()["volumeMounts"]:
        yield mount, by_name[mount["name"]]
