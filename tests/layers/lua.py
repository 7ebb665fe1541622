"""Layers of the Lua library: a file uses fields of its own layer and lower ones, without a circle, and hides none."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import slta.store
from slta.store.library import LAYERS

FOLDER = Path(slta.store.__file__).parent / "lua"
_NO_CODE = re.compile(r"'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|--[^\n]*")
_USE = re.compile(r"(?<![\w.:])(\w+)\.(\w+)")
_WHOLE = re.compile(r"(?<![\w.:])(\w+)\b(?!\.\w|\s*=[^=])")
_HIDDEN = re.compile(r"\blocal (?!function)([\w, ]+)|\bfunction\b[\w. ]*\(([\w, ]*)|\bfor ([\w, ]+) (?:in|=)")

Graph = Mapping[str, set[str]]


def sources(folder: Path = FOLDER) -> dict[str, tuple[str, str]]:
    """Layer and code, without comments and texts, of each file by its name."""
    files = folder.rglob("*.lua")
    return {file.stem: (file.parent.name, _NO_CODE.sub("", file.read_text(encoding="utf-8"))) for file in files}


def graph(files: Mapping[str, tuple[str, str]]) -> dict[str, set[str]]:
    """The files that each file uses."""
    found: dict[str, set[str]] = {}
    for name, (_, code) in files.items():
        uses = [(module, field) for module, field in _USE.findall(code) if module in files]
        found[name] = {module for module, _ in uses} - {name}
    return found


def faults(files: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """Arrows up, a circle, fields that do not exist, files used as values, and names that a local name hides."""
    edges, rank = graph(files), {layer: height for height, layer in enumerate(LAYERS)}
    for name, (layer, code) in sorted(files.items()):
        for used in sorted(edges[name]):
            if rank[files[used][0]] > rank[layer]:
                yield f"{layer}/{name} uses {files[used][0]}/{used}, which is above it"
        for hidden in sorted(_locals(code) & files.keys()):
            yield f"{layer}/{name} hides {hidden} by a local name"
        for used in sorted({*_WHOLE.findall(code)} & files.keys()):
            yield f"{layer}/{name} uses {used} without a field"
        for used, field in sorted(set(_USE.findall(code))):
            if used in files and not re.search(
                rf"^(?:.*\b{used}\.|  ){field}(?: [,=]|, |\()", files[used][1], re.MULTILINE
            ):
                yield f"{layer}/{name} uses {used}.{field}, which does not exist"
    yield from _circle(edges)


def _locals(code: str) -> set[str]:
    return {
        word for match in _HIDDEN.finditer(code) for word in re.findall(r"\w+", " ".join(filter(None, match.groups())))
    }


def _circle(edges: Graph) -> Iterable[str]:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return [f"circle: {' -> '.join(error.args[1])}"]
    return []


if __name__ == "__main__":
    sys.exit("\n".join(faults(sources())) or None)
