"""Report of a study: numbers as JSON, tables as Markdown for the terminal, figures as SVG and PNG."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from slta.cli.streams import write_text

PNG_DPI = 110
COLORS = {
    "SLTA": "#0b6e4f",
    "JLMU": "#d1495b",
    "bound": "#30343f",
    "paper": "#8d99ae",
    "other": "#c9ada7",
    "accent": "#edae49",
    "blue": "#3d5a80",
    "purple": "#6a4c93",
}
STYLE: Any = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "font.size": 10,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "slta",
}


@dataclass
class Report:
    """Results of a study. `figures` by name; the first is named like the study."""

    name: str
    data: dict[str, Any]
    markdown: str
    figures: dict[str, Figure] = field(default_factory=dict)


def write_figures(report: Report, folder: Path) -> list[Path]:
    """Write the figures into `folder` as SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in report.figures.items():
        _write_svg(figure, folder / f"{name}.svg")
    return [folder / f"{name}.svg" for name in report.figures]


def write_figure(figure: Figure, file: Path) -> list[Path]:
    """Write `file` as SVG and as PNG, replacing a given ending, and create its directory."""
    file.parent.mkdir(parents=True, exist_ok=True)
    stem = file.stem if file.suffix in (".svg", ".png") else file.name
    svg, png = (file.with_name(f"{stem}.{ending}") for ending in ("svg", "png"))
    _write_svg(figure, svg)
    figure.savefig(png, dpi=PNG_DPI, metadata={"Software": None})
    return [svg, png]


def _write_svg(figure: Figure, file: Path) -> None:
    figure.savefig(file, metadata={"Date": None})


def write_json(data: dict[str, Any], file: Path) -> list[Path]:
    """Write JSON with seven digits, short objects on one line; non-finite numbers become null. As `write_text`."""
    return write_text(to_json(plain(data)), file)


def to_json(value: Any, indent: str = "") -> str:  # noqa: ANN401 - JSON
    """Format nested JSON, short parts on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + len(indent) <= 200 or not isinstance(value, dict | list) or is_flat(value):
        return line
    deeper = indent + " "
    if isinstance(value, list):
        return "[\n" + ",\n".join(deeper + to_json(v, deeper) for v in value) + f"\n{indent}]"
    parts = (f"{deeper}{json.dumps(key, ensure_ascii=False)}: {to_json(v, deeper)}" for key, v in value.items())
    return "{\n" + ",\n".join(parts) + f"\n{indent}}}"


def is_flat(value: Any) -> bool:  # noqa: ANN401 - JSON
    """True for a list of numbers, which is kept on one line."""
    return isinstance(value, list) and not any(isinstance(v, dict | list) for v in value)


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Convert to plain Python numbers and containers."""
    if isinstance(value, dict):
        return {str(key): plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(v) for v in value]
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return value


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Markdown table, first column left-aligned, others right-aligned."""
    body = [[cell if isinstance(cell, str) else number(cell) for cell in row] for row in rows]
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in [list(header), rule, *body]) + "\n"


def number(value: object) -> str:
    """Format a cell; None is a dash."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def mean_and_error(values: Sequence[float] | np.ndarray[Any, Any]) -> tuple[float, float | None, float | None]:
    """Mean, its standard error, and the standard deviation; None for a single value."""
    array = np.asarray(values, dtype=np.float64)
    if len(array) < 2:
        return float(array.mean()), None, None
    deviation = float(array.std(ddof=1))
    return float(array.mean()), deviation / math.sqrt(len(array)), deviation


def with_error(mean: float, error: float | None, digits: int) -> str:
    """`0.01234 ± 0.00012`."""
    return f"{mean:.{digits}f}" + ("" if error is None else f" ± {error:.{digits}f}")


def page(title: str, *parts: str) -> str:
    """A Markdown page."""
    return "\n".join([f"# {title}\n", *(part.rstrip() + "\n" for part in parts)])


def processor_seconds() -> float:
    """Processor time of this process and its finished children."""
    return sum(os.times()[:4])


def figure(width: float = 8.0, height: float = 4.5, **layout: Any) -> tuple[Figure, Any]:  # noqa: ANN401
    """Figure with its axes, in the common style."""
    mpl.rcParams.update(STYLE)
    canvas = Figure(figsize=(width, height), layout="constrained")
    return canvas, canvas.subplots(**layout)
