"""Metric registry of a command, served from a thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Annotated, TypeVar

import typer
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from slta.cli.error_messages import UserError

MetricsPort = Annotated[
    int | None, typer.Option("--metrics-port", min=1, max=65535, help="Port of the Prometheus metrics; default: none.")
]
MetricsHost = Annotated[str, typer.Option("--metrics-host", help="Address of the Prometheus metrics.")]
Family = TypeVar("Family", Counter, Gauge)


class MetricRegistry:
    """Metrics of a command, in a registry of their own. A label is given with the values that it begins with."""

    def __init__(self, prefix: str) -> None:
        """`prefix` begins each name."""
        self.registry = CollectorRegistry()
        self.families: list[tuple[str, str, str, tuple[str, ...]]] = []
        """Type, name without prefix and suffix, help, labels."""
        self._prefix = prefix

    def counter(self, name: str, text: str, **labels: Iterable[str]) -> Counter:
        """Register a counter."""
        return self._register(Counter, name, text, labels)

    def gauge(self, name: str, text: str, **labels: Iterable[str]) -> Gauge:
        """Register a gauge."""
        return self._register(Gauge, name, text, labels)

    def _register(self, kind: type[Family], name: str, text: str, labels: Mapping[str, Iterable[str]]) -> Family:
        self.families.append((kind.__name__.lower(), name, text, tuple(labels)))
        family = kind(f"{self._prefix}_{name}", text, tuple(labels), registry=self.registry)
        for values in product(*labels.values()) if labels else ():
            family.labels(*values)
        return family


def serve_metrics(registry: CollectorRegistry, host: str, port: int | None, option: str = "--metrics-port") -> None:
    """Serve the registry, if there is a port. Raises UserError that names the option."""
    try:
        _ = port and start_http_server(port, host, registry)
    except OSError as error:
        raise UserError(f"{option}: {host}:{port}: {error.strerror or error}") from None
