"""What tells two installations in one Prometheus apart, and two fleets: for the rules and for the dashboard."""

from __future__ import annotations

INSTALLATION = ("cluster", "job", "namespace")
"""Labels of the target, not of a replica: two installations must differ in one of them."""
FLEET = (*INSTALLATION, "fleet")


def grouping(text: str) -> str:
    """A rule with `by (INSTALLATION, …)` and `by (FLEET, …)` spelled out."""
    return text.replace("(INSTALLATION", f"({', '.join(INSTALLATION)}").replace("(FLEET", f"({', '.join(FLEET)}")


def selecting(query: str) -> str:
    """A query of the dashboard with `{INSTALLATION, …}` and `{FLEET, …}` as what its variables have chosen."""
    return query.replace("{INSTALLATION", f"{{{chosen(INSTALLATION)}").replace("{FLEET", f"{{{chosen(FLEET)}")


def chosen(labels: tuple[str, ...]) -> str:
    """Labels that are as the dashboard's variables of these names say."""
    return ",".join(f'{label}="${label}"' for label in labels)
