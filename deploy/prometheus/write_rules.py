"""The rules as Prometheus reads them, made of the files in `source`: `python -m deploy.prometheus.write_rules`.

The Prometheus Operator reads the same groups as resources, one for each file: no two groups of one may share a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import indent

from deploy.identity import grouping
from deploy.objective import WINDOWS, with_objective

SPANS = {"15m": 900, "1h": 3600, "6h": 21_600, "1d": 86_400}
"""Windows over which a fleet's placement may be judged, in seconds."""
MEANS = {"1m": 60, "5m": 300, "1h": 3600}
"""Windows of the metrics with the label `window`."""
REPEATED = {"objective.yml": WINDOWS, "placement.yml": SPANS, "windows.yml": MEANS}
"""Files whose groups are written once for each span."""

SEEN = re.compile(r"SEEN\(((slta_)?[^()]+)\)")
LAST_SEEN = (
    "({0} or last_over_time({0}[5m]) unless on (INSTALLATION)"
    " max by (INSTALLATION, instance) (count_over_time(slta_fleets[2m]))"
    " >= max by (INSTALLATION, instance) (count_over_time(up[2m])){1})"
)
"""A series of a fleet and, unless each scrape of two minutes read the fleets, its last value within five: what ended
before an outage cannot be active for five minutes then. Two cover the delays of scrapes and rules after an outage."""
OF_SCRAPE = " unless on (FLEET) slta_store_epoch_timestamp_seconds"
"""For a series of the scrape itself, which a fleet that was read does not have any more: its class was removed."""

FOLDER = Path(__file__).parent
HEAD = "# Written by `make format`: change deploy/prometheus/source/{} instead.\n"
RESOURCES = FOLDER.parent / "kubernetes/monitoring/rules.yaml"
RESOURCE = """\
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: slta-{}
  labels: {{app.kubernetes.io/name: slta}}
spec:
  groups:
{}"""


def written() -> Iterator[tuple[Path, str]]:
    """Each file of rules and what it must hold."""
    for source in sorted((FOLDER / "source").glob("*.yml")):
        text = SEEN.sub(last_seen, source.read_text(encoding="utf-8"))
        text = with_objective(grouping(text))
        text = for_each_span(text, REPEATED[source.name]) if source.name in REPEATED else text
        yield FOLDER / "rules" / source.name, HEAD.format(source.name) + text


def resources() -> str:
    """The groups of each file as a PrometheusRule."""
    groups = {path.stem: indent(text.partition("groups:\n")[2], "  ") for path, text in written()}
    return HEAD.format("*") + "".join(RESOURCE.format(name, text) for name, text in groups.items())


def last_seen(seen: re.Match[str]) -> str:
    """The expression for SEEN(…)."""
    return LAST_SEEN.format(seen[1], OF_SCRAPE if seen[2] else "")


def for_each_span(text: str, spans: Mapping[str, int]) -> str:
    """The groups once for each span, the shortest first."""
    head, title, groups = text.partition("groups:\n")
    shorter = [0, *spans.values()]
    return (
        head
        + title
        + "\n".join(
            groups.replace("SPAN", span).replace("SECONDS", str(seconds)).replace("SHORTER", str(before))
            for (span, seconds), before in zip(spans.items(), shorter, strict=False)
        )
    )


if __name__ == "__main__":
    for path, text in written():
        path.write_text(text, encoding="utf-8")
    RESOURCES.write_text(resources(), encoding="utf-8")
