"""Facts of the service for the foot of the dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Version of the service, kind of its store, and links by name; a link that leads nowhere is left out."""

    version: str = ""
    store: str = ""
    links: Mapping[str, str] = field(default_factory=dict)


def links(*, docs_enabled: bool, runbook: object, grafana: object) -> Mapping[str, str]:
    """Links of the foot line; `runbook` and `grafana` are URLs or None."""
    wanted = {
        "API": "/docs" if docs_enabled else None,
        "Metrics": "/metrics",
        "Runbook": runbook,
        "Grafana": grafana,
    }
    return {name: str(url) for name, url in wanted.items() if url}
