"""HTTP server of a command's metrics, in a thread."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, start_http_server

from slta_integrations.errors import UnusableError


def serve_metrics(registry: CollectorRegistry, host: str, port: int, option: str = "--metrics-port") -> None:
    """Serve the registry. Raises UnusableError that names the option."""
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        raise UnusableError(f"{option}: {host}:{port}: {error.strerror or error}") from None
