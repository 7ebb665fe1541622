"""Output of commands that show what the service answered: tables in 80 columns of a terminal, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import typer

from slta.parsing import printable

WIDTH = 80
Format = Literal["table", "json"]
Table = tuple[str, Iterable[Sequence[object]]]
"""Header and rows."""
Output = Annotated[Format, typer.Option("--output", "-o", help="Output format.")]


def table(header: str, rows: Iterable[Sequence[object]], width: int = WIDTH) -> str:
    """Columns as wide as their longest cell under the words of `header`; only the last one is cut, at `width`."""
    lines = [header.split(), *([printable("-" if cell in (None, "") else str(cell)) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    width = max(width, sum(widths[:-1]) + 2 * len(widths[:-1]))
    return "\n".join(text if len(text) <= width else f"{text[: width - 1]}…" for text in texts)


def text_of(output: Format, data: Any, *tables: Table) -> str:  # noqa: ANN401 - JSON
    """`data` as JSON, or the first table and others with rows, an empty line between, whole if it is no terminal."""
    if output == "json":
        return json.dumps(data, indent=1, ensure_ascii=False)
    width = WIDTH if sys.stdout.isatty() else sys.maxsize
    found = [(header, list(rows)) for header, rows in tables]
    return "\n\n".join(table(*one, width) for one in [*found[:1], *(one for one in found[1:] if one[1])])
