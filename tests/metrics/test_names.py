"""Names of metrics and labels by the conventions of Prometheus, for the service, its client and the integrations."""

from __future__ import annotations

import re

from slta_client import metrics as client
from slta_integrations.agent import metrics as agent
from slta_integrations.follow import metrics as follow
from slta_integrations.kubernetes import metrics as kubernetes
from tests.docs.pages import ROOT
from tests.inventory import each
from tests.reference.labels import LABELS
from tests.reference.tables import ROWS

READERS = (
    *("deploy/prometheus/rules/*.yml", "deploy/grafana/dashboards/*.json", "docs/monitoring.md"),
    *("docs/operations.md", "docs/recovery.md", "docs/runbook.md", "docs/cluster.md"),
)
UTILITY = {
    *("slta_aggregate_utility", "slta_aggregate_utility_bound", "slta_utility_bound", "slta_swing_gap"),
    *("slta_utility_seconds", "slta_utility_bound_seconds", "slta_session_seconds_total", "slta_pool_seconds_total"),
}
HTTP = {"http_request_method", "http_route", "http_response_status_code", "error_type"}

Named = tuple[str, str, tuple[str, ...]]
FAMILIES: list[Named] = [
    *((row.shown_name, row.help, row.labels) for row in ROWS),
    *((f"slta_client_{name}", text, labels) for name, (text, labels) in client.FAMILIES.items()),
    *((f"slta_client_{name}", text, ()) for name, text in client.GAUGES.items()),
    *(
        (f"slta_{command}_{name}", text, labels)
        for command, module in {"agent": agent, "follow": follow, "kubernetes": kubernetes}.items()
        for _, name, text, labels in module.Metrics().families
    ),
]
"""Name, help and labels of each family."""


@each("family", FAMILIES)
def test_a_label_has_a_meaning_and_is_not_in_the_metric_s_name(family: Named) -> None:
    name, _, labels = family
    assert set(labels) <= LABELS.keys()
    named = [label for label in labels if re.search(rf"_{label}s?(_|$)", name)]
    assert [label for label in named if label != "fleet"] == [], "a fleet is what the others are of"


def test_each_label_of_the_table_is_one_of_a_metric() -> None:
    assert {label for _, _, labels in FAMILIES for label in labels} == LABELS.keys()


@each("family", FAMILIES)
def test_the_unit_ends_the_name(family: Named) -> None:
    name, text, _ = family
    assert ("Unix time" in text) == name.endswith("_timestamp_seconds")
    assert bool(re.search(r"\b(fraction|share|ratio)\b", text, re.IGNORECASE)) == name.endswith("_ratio")
    assert not re.search(r"_(milliseconds|ms|percent|fraction|bytes_total|time_seconds)$", name)


def test_requests_are_the_whole_histogram_of_opentelemetry() -> None:
    [labels] = [labels for name, _, labels in FAMILIES if name == "http_server_request_duration_seconds"]
    assert set(labels) == HTTP
    others = {label for name, _, labels in FAMILIES for label in labels if label.startswith("http_")}
    assert others <= HTTP


def test_families_are_utility_and_what_rules_dashboard_and_runbook_read() -> None:
    text = "".join(path.read_text(encoding="utf-8") for pattern in READERS for path in ROOT.glob(pattern))
    read = {row for row in ROWS if re.search(rf"(?<![\w:]){row.shown_name}(_bucket|_count|_sum)?(?![\w:])", text)}
    assert {row.shown_name for row in ROWS} == UTILITY | {row.shown_name for row in read}
