"""Picture of the layers: the rooms of the service, and the folders of its Lua library, with who uses whom, as SVG."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Collection, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import grimp

from slta.store.library import LAYERS
from tests.layers.lua import graph, sources

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs/layers.svg"
BOX, ROW, TOP, NAME = 148, 34, 64, 26
"""Width of a box, distance of two, height of the heading, height of a box; pixels."""
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 } .head { font-weight: 600 } .note { fill: #59636e }
  rect { fill: #eef3fb; stroke: #6b8cbe } path { fill: none; stroke: #6b8cbe; stroke-opacity: .55 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .note { fill: #9198a1 } rect { fill: #1c2636; stroke: #6b8cbe } path { stroke: #8fb0e6 }
  }
"""


class Column(NamedTuple):
    """Boxes from above, and arrows from one to another that it uses."""

    title: str
    boxes: Sequence[str]
    arrows: Collection[tuple[str, str]]


def python_rooms() -> Column:
    """Packages of the service in the order of the import contract, and imports between their modules."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rows = next(contract["layers"] for contract in contracts if contract["id"] == "rooms")
    imports = grimp.build_graph("slta", cache_dir=None)
    pairs = ((a, b) for a in imports.modules for b in imports.find_modules_directly_imported_by(a))
    rooms = [room for row in rows for room in row.split(" | ")]
    return Column("Python: packages of service/slta", rooms, _between(pairs, 1, "."))


def lua_folders() -> Column:
    """Folders of the Lua library, and uses between their files."""
    files = sources()
    pairs = ((f"{files[a][0]}/{a}", f"{files[b][0]}/{b}") for a, used in graph(files).items() for b in used)
    return Column("Lua: folders of service/slta/store/lua", LAYERS[::-1], _between(pairs, 0, "/"))


def _between(pairs: Iterable[tuple[str, str]], part: int, separator: str) -> set[tuple[str, str]]:
    ends = ((a.split(separator)[part:], b.split(separator)[part:]) for a, b in pairs)
    return {(a[0], b[0]) for a, b in ends if a and b and a[0] != b[0]}


def draw(columns: Sequence[Column]) -> str:
    """The columns side by side. An arc goes from who uses to what is used, which is below."""
    parts, x, height = [], 10.0, 0
    for column in columns:
        reach = ROW * len(column.boxes) * 0.42
        parts += [_text(x, 24, column.title, "head"), _text(x, 44, "each uses what an arc leads down to", "note")]
        at = {box: TOP + ROW * n for n, box in enumerate(column.boxes)}
        parts += [_arc(x + BOX, at[a], at[b]) for a, b in sorted(column.arrows)]
        parts += [_box(x, y, box) for box, y in at.items()]
        x, height = x + BOX + reach + 30, max(height, TOP + ROW * len(at) + 10)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {x:.0f} {height}" role="img">'
    return "\n".join([head, "<title>Layers of the service</title>", f"<style>{STYLE}</style>", *parts, "</svg>\n"])


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}">{escape(text)}</text>'


def _box(x: float, y: int, name: str) -> str:
    return f'<rect x="{x:.0f}" y="{y}" width="{BOX}" height="{NAME}" rx="4"/>' + _text(x + 10, y + 18, name, "box")


def _arc(x: float, upper: int, lower: int) -> str:
    begin, end = upper + NAME * 0.7, lower + NAME * 0.3
    bend = 12 + (end - begin) * 0.55
    curve = f"M{x:.0f} {begin:.1f} C{x + bend:.1f} {begin:.1f} {x + bend:.1f} {end:.1f} {x:.0f} {end:.1f}"
    return f'<path d="{curve}"/>'


def picture() -> str:
    """Python's packages and Lua's folders."""
    return draw([python_rooms(), lua_folders()])


if __name__ == "__main__":
    FILE.write_text(picture(), encoding="utf-8")
    sys.stdout.write(f"{FILE.relative_to(ROOT)}\n")
