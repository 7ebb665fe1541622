"""Output of commands that show what the service answered: a table in 80 columns, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import starmap
from typing import Annotated, Any, Literal

import typer

from slta.parsing import printable

WIDTH = 80
Format = Literal["table", "json"]
Table = tuple[str, Iterable[Sequence[object]]]
"""Header and rows."""
Output = Annotated[Format, typer.Option("--output", "-o", help="Output format.")]


def table(header: str, rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as their longest cell under the words of `header`; the last one is cut at 80 columns."""
    lines = [header.split(), *([printable("-" if cell in (None, "") else str(cell)) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    first = sum(widths[:-1]) + 2 * len(widths[:-1])
    return "\n".join(text if len(text) <= max(WIDTH, first) else f"{text[: max(WIDTH, first) - 1]}…" for text in texts)


def text_of(output: Format, data: Any, *tables: Table) -> str:  # noqa: ANN401 - JSON
    """`data` as JSON, or the tables with an empty line between."""
    return json.dumps(data, indent=1, ensure_ascii=False) if output == "json" else "\n\n".join(starmap(table, tables))
