"""Options of `slta kubernetes`, validated."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from slta.cli.durations import DURATION
from slta.cli.error_messages import UserError
from slta.cli.target import Target
from slta.parsing import NAME_PATTERN, NAME_RULE
from slta_integrations.kubernetes.api_server import Access
from slta_integrations.kubernetes.desired_pools import Selection

OBJECT_NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
LABEL_KEY = r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
SOURCE = r"[!-~]{1,256}"

Services = Annotated[
    list[str],
    typer.Option(
        "--service", help="CLASS=SERVICE: pods of the Service are pools of the class; repeatable.", show_default=False
    ),
]
Namespace = Annotated[
    str | None, typer.Option("--namespace", help="Namespace of the Services; default: the service account's.")
]
ClassLabel = Annotated[
    str, typer.Option("--class-label", help="Pod label with the class; then SERVICE alone suffices. Reads pods too.")
]
PortName = Annotated[str, typer.Option("--port-name", help="Port in addresses, by name; default: the slice's first.")]
AddressType = Annotated[Literal["IPv4", "IPv6", "FQDN"], typer.Option("--address-type", help="Address family.")]
Grace = Annotated[
    float,
    typer.Option("--grace", help="Time after the end of a pod until its pool fails.", **DURATION),
]
Source = Annotated[
    str | None, typer.Option("--source", help="Label slta.source of its pools; default: kubernetes:NAMESPACE.")
]
Scale = Annotated[
    Literal["replicas", "drain"] | None,
    typer.Option("--scale", help="Follow the scale advice: set replicas, or only drain for an HPA or KEDA."),
]
Deployments = Annotated[
    list[str] | None,
    typer.Option("--deployment", help="CLASS=DEPLOYMENT of its pods, with --scale; repeatable.", show_default=False),
]
LeaseName = Annotated[str, typer.Option("--lease-name", help="Name of the Lease; one for each fleet.")]
ApiServerUrl = Annotated[
    str | None, typer.Option("--api-server", help="URL of the API server; default: that of its own cluster.")
]
TokenFile = Annotated[Path | None, typer.Option("--token-file", help="Token for --api-server.")]
CaFile = Annotated[Path | None, typer.Option("--ca-file", help="CA of --api-server.")]


class Scaling(NamedTuple):
    """Deployments to scale, by class, and whether their replicas are written or left to an HPA or KEDA."""

    namespace: str
    deployments: Mapping[str, str]
    writes_replicas: bool


class WatchOptions(NamedTuple):
    """Validated options."""

    target: Target
    access: Access
    namespace: str
    lease_namespace: str
    lease: str
    selection: Selection
    class_label: str
    source: str
    grace_seconds: float
    scaling: Scaling


def classes_of(option: str, texts: Sequence[str], class_label: str = "") -> dict[str, str]:
    """Class by Service or Deployment, in the order of the texts, which are those of an option. Raises UserError."""
    classes: dict[str, str] = {}
    for text in texts:
        pool_class, _, name = text.rpartition("=")
        checked(option, name, OBJECT_NAME)
        if not pool_class and not class_label:
            raise UserError(f"{option}: give CLASS=NAME, not {text!r}")
        if pool_class and not re.fullmatch(NAME_PATTERN, pool_class):
            raise UserError(f"{option}: a class has {NAME_RULE}, not {pool_class!r}")
        if name in classes:
            raise UserError(f"{option}: {name} is given twice")
        classes[name] = pool_class
    return classes


def scaling_of(namespace: str, scale: str | None, texts: Sequence[str]) -> Scaling:
    """What `--scale` and `--deployment` say. Raises UserError."""
    classes = classes_of("--deployment", texts)
    deployments = {pool_class: name for name, pool_class in classes.items()}
    if bool(scale) != bool(classes) or len(deployments) < len(classes):
        raise UserError("--deployment: give one for each class with --scale, none without")
    return Scaling(namespace, deployments, scale == "replicas")


def namespaces(given: str | None, account: Path) -> tuple[str, str]:
    """That of the Services, and that of this pod, where its Lease is. Raises UserError."""
    file = account / "namespace"
    own = file.read_text(encoding="ascii").strip() if file.exists() else given
    if not own:
        raise UserError("--namespace: required outside of a cluster")
    return checked("--namespace", given or own, OBJECT_NAME), own


def checked(option: str, text: str, pattern: str) -> str:
    """A text that matches. Raises UserError."""
    if not re.fullmatch(pattern, text):
        raise UserError(f"{option}: cannot be {text!r}")
    return text
