"""Metric registry of a command: made from a table of families, and served from a thread."""

from __future__ import annotations

from typing import Annotated

import typer
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from prometheus_client.metrics import MetricWrapperBase

from slta.cli.error_messages import UserError

MetricsPort = Annotated[
    int | None, typer.Option("--metrics-port", min=1, max=65535, help="Port of the Prometheus metrics; default: none.")
]
MetricsHost = Annotated[str, typer.Option("--metrics-host", help="Address of the Prometheus metrics.")]
Family = tuple[type[Counter | Gauge], str, str, tuple[str, ...]]
"""Type, name without prefix and suffix, help, labels."""


def register(metrics: object, prefix: str, families: tuple[Family, ...]) -> CollectorRegistry:
    """Make the families in a registry of their own, each an attribute of `metrics` by its name."""
    registry = CollectorRegistry()
    for kind, name, text, labels in families:
        family: MetricWrapperBase = kind(f"{prefix}_{name}", text, labels, registry=registry)
        setattr(metrics, name, family)
    return registry


def serve_metrics(registry: CollectorRegistry, host: str, port: int | None, option: str = "--metrics-port") -> None:
    """Serve the registry, if there is a port. Raises UserError that names the option."""
    try:
        _ = port and start_http_server(port, host, registry)
    except OSError as error:
        raise UserError(f"{option}: {host}:{port}: {error.strerror or error}") from None
