"""Formatting of figures: text for terminals and pipes, and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slta_planning.errors import file_named


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned columns, two spaces apart, the first left and the others right; the first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]


def percent(share: float | None) -> str:
    """`6.93 %`; a dash for None. Negative rounding errors become 0."""
    return "–" if share is None else f"{100 * share + 0.0:.2f} %".replace("-0.00 %", "0.00 %")


def amount(number: float) -> str:
    """`2,444,796`, `0.1`: up to ten digits, without exponents below 10¹⁰."""
    return f"{number:,.10g}"


def counted(count: float, one: str, many: str | None = None) -> str:
    """`1 line`, `2,000 lines`."""
    return f"{count:,.0f} {one if count == 1 else many or one + 's'}"


def write_json(data: Mapping[str, Any], file: Path) -> Path:
    """Write figures with all their digits, creating the directory."""
    with file_named(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return file
