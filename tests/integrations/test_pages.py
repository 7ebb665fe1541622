"""The metrics that the pages of the three long-running commands state."""

from __future__ import annotations

import subprocess
from typing import Any, NamedTuple

import pytest
from prometheus_client import generate_latest

from slta_integrations.agent import metrics as agent
from slta_integrations.follow import metrics as follow
from slta_integrations.kubernetes import metrics as kubernetes
from tests.docs.pages import ROOT, Page, documented_metrics
from tests.inventory import each


class Command(NamedTuple):
    """A command: its page, the prefix and module of its metrics, and the values that labels have from the beginning."""

    page: Page
    prefix: str
    metrics: Any
    values: dict[str, tuple[str, ...]]


COMMANDS = {
    "agent": Command(Page(ROOT / "docs/agent.md"), "slta_agent", agent, {"heartbeats": agent.OUTCOMES}),
    "follow": Command(
        Page(ROOT / "docs/follow.md"),
        "slta_follow",
        follow,
        {"lines": follow.EVENTS, "dropped_lines": follow.DROPPED, "gaps": tuple(follow.GAPS)},
    ),
    "kubernetes": Command(
        Page(ROOT / "docs/kubernetes-pods.md"),
        "slta_kubernetes",
        kubernetes,
        {
            "changes": kubernetes.ACTIONS,
            "pools": kubernetes.STATUSES,
            "skipped_endpoints": kubernetes.REASONS,
        },
    ),
}


@each("name", COMMANDS)
def test_the_page_has_every_metric_with_its_type_labels_and_help(name: str) -> None:
    page, prefix, metrics, _ = COMMANDS[name]
    assert documented_metrics(page) == {
        f"{prefix}_{name}{'_total' if kind == 'counter' else ''}": (kind, list(labels), text)
        for kind, name, text, labels in metrics.Metrics().families
    }


@pytest.mark.needs("promtool")
@each("name", COMMANDS)
def test_the_metrics_follow_the_conventions_of_prometheus(name: str) -> None:
    scrape = generate_latest(COMMANDS[name].metrics.Metrics().registry)
    done = subprocess.run(["promtool", "check", "metrics"], input=scrape, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


@each(("command", "family"), [(command, family) for command in COMMANDS for family in COMMANDS[command].values])
def test_a_family_starts_with_each_value_of_its_label(command: str, family: str) -> None:
    samples = next(iter(getattr(COMMANDS[command].metrics.Metrics(), family).collect())).samples
    assert {value for one in samples for value in one.labels.values()} == set(COMMANDS[command].values[family])
