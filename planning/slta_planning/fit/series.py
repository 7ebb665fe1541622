"""Samples from series of two metrics, joined by labels and time; series of Grafana's and Prometheus' CSV exports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slta.cli.error_messages import UserError
from slta_planning.fit.samples import Samples

Labels = tuple[tuple[str, str], ...]
Series = Mapping[Labels, Mapping[Any, str]]
"""Values by labels and time."""
NO_LABEL = re.compile("time|timestamp|value|value #.*|name|__name__", re.IGNORECASE)
"""Columns of an export that are no labels."""
OF_COLUMN = re.compile(r"(.*?)\s*\{(.*)\}")
SEVERAL = "several values"
"""Cell of rows with equal labels and times that differ: a bad sample."""
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def exported(head: Sequence[str], rows: Sequence[Sequence[str]], name: str, other: str) -> Series:
    """Series of a metric or a column of this name; a column called `other` is no label.

    Columns are called `name{label="value"}`, as where Grafana joins series by time; or one is called `name` and others
    are labels, as in Grafana's tables; or rows have the name in the column `name`, as of Prometheus' query_csv.py.
    """
    lower = [column.lower() for column in head]
    time = next((at for at, column in enumerate(lower) if column.startswith("time")), None)
    found: dict[Labels, dict[Any, str]] = {}
    for number, row in enumerate(rows):
        for labels, cell in _cells(head, row, name, other):
            if cell:
                values, at = found.setdefault(labels, {}), number if time is None else row[time]
                values[at] = cell if values.get(at, cell) == cell else SEVERAL
    return found


def _cells(head: Sequence[str], row: Sequence[str], name: str, other: str) -> Iterator[tuple[Labels, str]]:
    """Labels and value of each cell of the metric."""
    members = dict(zip(head, row, strict=False))
    labels = tuple(
        sorted((k, v) for k, v in members.items() if k not in (name, other) and not NO_LABEL.fullmatch(k) and v)
    )
    if name in members:
        yield labels, members[name]
    elif name in (members.get("name"), members.get("__name__")):
        yield labels, members.get("value", "")
    for column, cell in members.items():
        of = OF_COLUMN.fullmatch(column)
        if of and of[1] == name:
            yield tuple(sorted(LABEL.findall(of[2]))), cell


def joined(held: Series, valued: Series, class_label: str) -> Samples:
    """A sample wherever both have a value with the same labels at the same time. Raises UserError if there is none."""
    shared = [labels for labels in held if labels in valued]
    if not shared:
        raise UserError(
            "no series of --sessions-query has the same labels as one of --value-query (except the name): "
            f"{_some(held)} of --sessions-query, {_some(valued)} of --value-query"
        )
    samples = Samples()
    for labels in shared:
        names = dict(labels)
        if class_label not in names:
            raise UserError(f"the series {_shown(labels)} has no label {class_label}: set --class-label to another")
        for at in sorted(held[labels].keys() & valued[labels].keys()):
            where = f"{_shown(labels)} at {at}"
            samples.add(where, names[class_label], held[labels][at], valued[labels][at], _shown(labels))
    return samples


def _some(series: Series) -> str:
    first = next(iter(series), None)
    return "none" if first is None else f"{_shown(first)} is one of {len(series)}"


def _shown(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
