"""Pictures of the documents, as SVG; here of the layers: packages of the service and folders of its Lua library."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import grimp

from slta.store.library import LAYERS
from tests.layers import system
from tests.layers.lua import graph, sources
from tests.layers.svg import NAME, box, document, text

IMAGES = Path(__file__).parents[2] / "docs/images"
BOX, ROW, TOP = 148, 34, 64
"""Width of a box, distance of two, height of the heading; pixels."""


class Column(NamedTuple):
    """Boxes from above, and arrows from one to another that it uses."""

    title: str
    boxes: Sequence[str]
    arrows: Collection[tuple[str, str]]


def python_rooms() -> Column:
    """Packages of the service in the order of the import contract, and imports between their modules."""
    contracts = tomllib.loads((IMAGES.parents[1] / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
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
        parts += [text(x, 24, column.title, "head"), text(x, 44, "each uses what an arc leads down to", "note")]
        at = {name: TOP + ROW * n for n, name in enumerate(column.boxes)}
        parts += [_arc(x + BOX, at[a], at[b]) for a, b in sorted(column.arrows)]
        parts += [box(x, y, BOX, name) for name, y in at.items()]
        x, height = x + BOX + reach + 30, max(height, TOP + ROW * len(at) + 10)
    return document("Layers of the service", x, height, parts)


def _arc(x: float, upper: int, lower: int) -> str:
    begin, end = upper + NAME * 0.7, lower + NAME * 0.3
    bend = 12 + (end - begin) * 0.55
    curve = f"M{x:.0f} {begin:.1f} C{x + bend:.1f} {begin:.1f} {x + bend:.1f} {end:.1f} {x:.0f} {end:.1f}"
    return f'<path d="{curve}"/>'


def layers() -> str:
    """Python's packages and Lua's folders."""
    return draw([python_rooms(), lua_folders()])


PICTURES = {IMAGES / "layers.svg": layers, IMAGES / "system.svg": system.picture}


if __name__ == "__main__":
    for file, picture in PICTURES.items():
        file.write_text(picture(), encoding="utf-8")
        sys.stdout.write(f"{file.name}\n")
