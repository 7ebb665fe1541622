"""The metrics and limits that the pages of the three long-running commands state."""

from __future__ import annotations

import subprocess
from typing import Any, NamedTuple

import pytest
from prometheus_client import Counter, generate_latest

from slta_integrations import agent, follow, kubernetes
from slta_integrations.agent import pool, probe_output, probing, state_machine
from slta_integrations.follow import command, log_tail, operations, sender, spool
from slta_integrations.kubernetes import lease, pools, reconciler, vanished
from tests.docs.pages import ROOT, Page, documented_metrics
from tests.inventory import each


class Command(NamedTuple):
    """A command: its page, the prefix and module of its metrics, and the values that labels have from the beginning."""

    page: Page
    prefix: str
    metrics: Any
    values: dict[str, tuple[str, ...]]


COMMANDS = {
    "agent": Command(Page(ROOT / "docs/agent.md"), "slta_agent", agent.metrics, {"heartbeats": agent.metrics.OUTCOMES}),
    "follow": Command(
        Page(ROOT / "docs/follow.md"),
        "slta_follow",
        follow.metrics,
        {"lines": follow.metrics.EVENTS, "dropped_lines": follow.metrics.DROPPED, "gaps": follow.metrics.GAPS},
    ),
    "kubernetes": Command(
        Page(ROOT / "docs/kubernetes-pods.md"),
        "slta_kubernetes",
        kubernetes.metrics,
        {
            "changes": kubernetes.metrics.ACTIONS,
            "pools": kubernetes.metrics.STATUSES,
            "skipped_endpoints": kubernetes.metrics.REASONS,
        },
    ),
}


@each("name", COMMANDS)
def test_the_page_has_every_metric_with_its_type_labels_and_help(name: str) -> None:
    page, prefix, metrics, _ = COMMANDS[name]
    assert documented_metrics(page) == {
        f"{prefix}_{name}{'_total' if kind is Counter else ''}": (kind.__name__.lower(), list(labels), text)
        for kind, name, text, labels in metrics.FAMILIES
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


LIMITS = {
    "agent": [
        f"After {pool.FAILURES} failures in a row",
        f"at most {probe_output.MAX_SESSIONS:,}",
        f"over {probe_output.MAX_BYTES >> 20} MiB",
        f"taken again after {probing.LIST_RETRY_SECONDS:g} s",
        f"about every {state_machine.REFUSED_DELAY_SECONDS:g} s",
    ],
    "follow": [
        f"at most {operations.MAX_OPERATIONS:,} operations",
        f"older than {operations.LATE_SECONDS:g} s",
        f"over {log_tail.MAX_LINE_BYTES // 1024} KiB",
        f"{log_tail.ROTATE_WAIT_SECONDS:g} s after the new one has lines",
        f"`--max-backlog` bytes, by default {command.MAX_BACKLOG_BYTES >> 30} GiB",
        f"segments of {spool.SEGMENT_BYTES >> 20} MiB",
        f"up to {sender.MAX_DELAY_SECONDS:g} s",
    ],
    "kubernetes": [
        f"delays of up to {reconciler.MAX_DELAY_SECONDS:g} s",
        f"tried again every {pools.REFUSED_SECONDS:g} s",
        f"{lease.LEASE_SECONDS} s after its last renewal",
        f"after `--grace`, by default {vanished.GRACE_SECONDS:g} s",
        f"and at least {vanished.MASS_POOLS}, that wait together",
        f"after {vanished.MASS_SECONDS:g} s, with [an alert]",
        f"| after {vanished.VANISHED_SECONDS:g} s |",
    ],
}


@each(("name", "sentence"), [(name, sentence) for name, sentences in LIMITS.items() for sentence in sentences])
def test_a_limit_that_the_page_states_is_the_one_of_the_code(name: str, sentence: str) -> None:
    assert sentence in " ".join(COMMANDS[name].page.text.split())
