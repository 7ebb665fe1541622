"""Report of an evaluation as one HTML page, which needs no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from html import escape
from pathlib import Path
from string import Template

from matplotlib.figure import Figure

from slta.cli.streams import file_named
from slta_planning.evaluate.evaluate_report import Part, parts
from slta_planning.evaluate.notes import Data

PAGE = Path(__file__).with_name("page.html")


def write_html(data: Data, zone: tzinfo, title: str, canvas: Figure, command: str, file: Path) -> Path:
    """Write the page. Raises OSError, which names the file."""
    figure = io.BytesIO()
    canvas.savefig(figure, format="svg", metadata={"Date": None})
    body = "\n".join(line for part in parts(data, zone) for line in _section(part))
    page = Template(PAGE.read_text(encoding="utf-8")).substitute(
        title=escape(title), figure=base64.b64encode(figure.getvalue()).decode(), parts=body, command=escape(command)
    )
    with file_named(file):
        file.write_text(page, encoding="utf-8")
    return file


def _section(part: Part) -> Iterator[str]:
    yield f"<h2>{escape(part.title)}</h2>"
    if part.sentences:
        yield f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in part.sentences)}</ul>"
    if part.rows:
        yield f'<div class="scroll" tabindex="0"><table>{_row(part.rows[0], "th")}'
        yield from (_row(row, "td") for row in part.rows[1:])
        yield "</table></div>"


def _row(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
