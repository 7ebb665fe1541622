"""Tables of metrics, settings, errors and alerts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic_core import PydanticUndefined

from slta.api.http.openapi import MEANINGS
from slta.metrics.definitions import Row
from slta.metrics.exposition import FLEETS_ROW, LINK_ROWS
from slta.metrics.families import FLEET_ROWS
from slta.metrics.process_metrics import PROCESS_ROWS
from slta.runtime.settings import PREFIX, Settings
from tests.docs.pages import ROOT
from tests.reference.labels import LABELS
from tests.reference.markdown import attribute_docs, paragraph, prose, table

OF_FLEETS: tuple[Row, ...] = (FLEETS_ROW, *FLEET_ROWS)
OF_PROCESSES: tuple[Row, ...] = (*LINK_ROWS, *PROCESS_ROWS)
ROWS = (*OF_FLEETS, *OF_PROCESSES)
"""All families."""
RULES = ROOT / "deploy/prometheus/rules"
AGAIN = {"at_once": "Repeat at once", "later": "Repeat later", "changed": "Repeat after a change"}
"""Heading by what repeats a call."""


def metrics(rows: Iterable[Row]) -> str:
    """Families with their help."""
    return table("metric | type | labels | what it is", map(_metric, rows))


def _metric(row: Row) -> tuple[str, ...]:
    text = prose(row.help)
    kind = "" if row.type == "gauge" else row.type
    labels = row.labels[1:] if row in OF_FLEETS else row.labels
    return f"`{row.shown_name}`", kind, ", ".join(f"`{label}`" for label in labels), text


def labels() -> str:
    """Labels of all metrics."""
    return table("label | meaning", ((f"`{label}`", meaning) for label, meaning in LABELS.items()))


def settings() -> str:
    """Variables of the dispatcher."""
    docs = attribute_docs(Settings)
    fields = Settings.model_fields.items()
    return table(
        "variable | default | meaning",
        ((f"`{PREFIX}{name.upper()}`", _default(field.default), docs[name]) for name, field in fields),
    )


def _default(value: Any) -> str:
    if value in (None, PydanticUndefined, ()):
        return ""
    return f"`{value if isinstance(value, str | Path) else json.dumps(value)}`"


def errors() -> str:
    """A section for each code, where the `type` of a problem leads, by what repeats the call, then by status."""
    sections = (f"## {head}\n\n" + "\n\n".join(_errors(again)) for again, head in AGAIN.items())
    return "\n\n".join(sections)


def _errors(again: str) -> Iterable[str]:
    for code, one in sorted(MEANINGS.items(), key=lambda item: (item[1].status, item[0])):
        if one.again == again:
            is_said = one.applied != "perhaps" or "may have been applied" in one.means
            doubt = "" if is_said else " The call may have been applied."
            yield f"### `{code}`\n\n" + paragraph(f"`{one.status}` {one.means}{doubt}")


def alerts() -> str:
    """Alerts with their section of the runbook; placeholders of Prometheus are names in italics."""
    groups = [group for path in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]
    named = {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}
    return table("alert | severity | for | what happened", (_alert(name, rule) for name, rule in named.items()))


def _alert(name: str, rule: Mapping[str, Any]) -> tuple[str, ...]:
    summary = re.sub(r"\{\{ *with.*?\{\{ *end *\}\}", "", rule["annotations"]["summary"])
    summary = re.sub(r"\{\{ *\$(?:labels\.)?(\w+)[^}]*\}\}", r"*\1*", summary)
    return f"[{name}](runbook.md#{name.lower()})", rule["labels"]["severity"], rule.get("for", ""), summary
