"""The service level objective of assigns and placements, for rules and dashboard: change it, then `make format`."""

from __future__ import annotations

from slta.metrics.process_metrics import PLACEMENT_MISTAKES

RATIO = 0.999
"""Share of assigns that must be answered in time and without a server error. A full fleet's answer is an answer."""
SECONDS = 0.05
"""In time; a bucket of `http_server_request_duration_seconds`."""
WINDOWS = {"5m": 300, "1h": 3600, "6h": 21_600, "3d": 259_200}
"""Over which the share is measured, in seconds, for the pairs of burn rates in alerts.yml."""

ASSIGN_FAULTS = (
    "overloaded", "internal_error", "store_unavailable", "outcome_unknown", "recovering",
    "fleet_damaged", "document_unreadable", "newer_fleet", "5..",
)  # fmt: skip
"""Error types of assigns and placements that the service is to blame for; all refusals of a placement are 503."""

FAILURES = f"{1 - RATIO:.6g}"
"""Share of assigns that may fail, as the rules have it."""


def with_objective(text: str) -> str:
    """A rule with the objective's numbers and codes filled in."""
    numbers = {"OBJECTIVE_SECONDS": f"{SECONDS:g}", "OBJECTIVE_FAILURES": FAILURES}
    codes = {"ASSIGN_FAULTS": "|".join(ASSIGN_FAULTS), "PLACEMENT_MISTAKES": "|".join(PLACEMENT_MISTAKES)}
    for name, value in {**numbers, **codes}.items():
        text = text.replace(name, value)
    return text
