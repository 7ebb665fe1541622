"""What tells installations in one Prometheus apart, and fleets; where the runbook is: for rules and dashboard."""

from __future__ import annotations

INSTALLATION = ("cluster", "job", "namespace")
"""Labels of the target, not of a replica: two installations must differ in one of them."""
FLEET = (*INSTALLATION, "fleet")
RUNBOOK_URL = "https://example.org/slta/docs/runbook.md"
"""Where your copy of docs/runbook.md can be read: the base of each alert's `runbook_url` and of the dashboard's
link. The repository has no public address yet; set your own here, then `make format`."""


def grouping(text: str) -> str:
    """A rule with `by (INSTALLATION, …)`, `by (FLEET, …)` and `RUNBOOK#…` spelled out."""
    text = text.replace("(INSTALLATION", f"({', '.join(INSTALLATION)}").replace("(FLEET", f"({', '.join(FLEET)}")
    return text.replace("RUNBOOK#", f"{RUNBOOK_URL}#")


def selecting(query: str) -> str:
    """A query of the dashboard with `{INSTALLATION, …}` and `{FLEET, …}` as what its variables have chosen."""
    return query.replace("{INSTALLATION", f"{{{chosen(INSTALLATION)}").replace("{FLEET", f"{{{chosen(FLEET)}")


def chosen(labels: tuple[str, ...]) -> str:
    """Labels that are as the dashboard's variables of these names say."""
    return ",".join(f'{label}="${label}"' for label in labels)
