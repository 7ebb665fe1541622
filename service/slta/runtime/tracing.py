"""Tracing of requests and store calls, switched on by OpenTelemetry's variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from slta.runtime.spans import Spans

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's standard variables; tracing is on if one is set."""

log = structlog.get_logger(__name__)


def open_spans(environment: Mapping[str, str]) -> Spans | None:
    """Spans for the environment; None without an endpoint. Missing libraries are a warning and turn tracing off."""
    if not any(environment.get(name) for name in ENDPOINTS):
        return None
    try:
        from slta.runtime.spans import Spans  # noqa: PLC0415
    except ImportError:
        log.warning(
            "no_tracing", why="an OTLP endpoint is set, but OpenTelemetry is not installed: pip install 'slta[otel]'"
        )
        return None
    return Spans.over_http()
