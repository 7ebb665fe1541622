"""The drawing of mutations, and the file of those that are kept: by function and text, so that they survive moves."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tree_sitter import Node, Parser

from tests.mutants.copies import PACKAGED, ROOT, tracked
from tests.mutants.operators import LANGUAGES, Mutation, mutations

KEPT = Path(__file__).with_name("kept.jsonl")
COUNT = 30
"""Mutations that are kept of a folder."""
NAMED = {"function_definition", "function_declaration", "class_definition"}


class Kept(NamedTuple):
    """A mutation of whole lines, without their indentation: within `function`, `old` is there once."""

    file: str
    function: str
    old: str
    new: str

    def __str__(self) -> str:
        old, new = (" ".join(text.split()) or "nothing" for text in (self.old, self.new))
        return f"{self.file}: {self.function or 'outside functions'}: {old} → {new}"


def folder_of(file: str) -> str:
    """The folder that a file counts for: the first three of its own, but each folder of Lua."""
    folders = file.split("/")[:-1]
    return "/".join(folders if file.endswith(".lua") else folders[:3])


def draw(seed: str, folder: str = ".", count: int = COUNT) -> list[Kept]:
    """Mutations of the files below `folder`, in the order of the seed and at most `count` of each folder."""
    drawn: dict[str, list[Kept]] = defaultdict(list)
    for mutation in shuffled(seed, packaged(folder)):
        here = drawn[folder_of(mutation.file)]
        if len(here) < count and (kept := keep(mutation, _text(mutation.file))) and kept not in here:
            here.append(kept)
    return [kept for name in sorted(drawn) for kept in drawn[name]]


def spread(seed: str, folder: str, count: int) -> list[Kept]:
    """As many of all folders together, the same number of each as far as possible."""
    by_folder = defaultdict[str, list[Kept]](list)
    for kept in draw(seed, folder, count):
        by_folder[folder_of(kept.file)].append(kept)
    rounds = [here[number] for number in range(count) for here in by_folder.values() if number < len(here)]
    return rounds[:count]


def shuffled(seed: str, files: Iterable[str]) -> list[Mutation]:
    found = [mutation for file in files for mutation in mutations(file, (ROOT / file).read_bytes())]
    random.Random(seed).shuffle(found)
    return found


def packaged(folder: str = ".") -> list[str]:
    """Packaged Python and Lua files below a folder, or the one that is named."""
    return [file for file in tracked(folder) if file.startswith(PACKAGED) and file.endswith(tuple(LANGUAGES))]


def keep(mutation: Mutation, text: str) -> Kept | None:
    """The same by its lines; none where these are more than once in its function."""
    source = text.encode()
    start = source.rfind(b"\n", 0, mutation.start) + 1
    end = (source + b"\n").index(b"\n", mutation.end)
    new = source[start : mutation.start] + mutation.after.encode() + source[mutation.end : end]
    around = [name for name, first, last in _functions(mutation.file, text) if first <= mutation.line - 1 <= last]
    kept = Kept(mutation.file, around[-1], _stripped(source[start:end].decode()), _stripped(new.decode()))
    return kept if len(list(_places(kept, text))) == 1 else None


def find(kept: Kept) -> Mutation | None:
    """The change of the file as it is now, or of the only one that has such a function; none if it is gone."""
    own = [kept.file] if (ROOT / kept.file).exists() else []
    for files in (own, packaged()):
        found = [place for file in files if (place := change(kept._replace(file=file), _text(file)))]
        if len(found) == 1:
            return found[0]
    return None


def change(kept: Kept, text: str) -> Mutation | None:
    """The change of a text; none unless the old lines are there once."""
    places = list(_places(kept, text))
    if len(places) != 1:
        return None
    lines, [first] = text.splitlines(keepends=True), places
    before = "".join(lines[first : first + kept.old.count("\n") + 1])
    indent = before[: len(before) - len(before.lstrip())]
    after = "".join(f"{indent}{line}\n" for line in kept.new.split("\n"))
    start = len("".join(lines[:first]).encode())
    return Mutation(kept.file, "kept", first + 1, start, start + len(before.encode()), before, after)


def read() -> list[Kept]:
    return [Kept(*json.loads(line)) for line in KEPT.read_text(encoding="utf-8").splitlines()]


def write(drawn: Iterable[Kept]) -> None:
    """Replace the file of those that are kept."""
    lines = (json.dumps(kept, ensure_ascii=False) for kept in drawn)
    KEPT.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _places(kept: Kept, text: str) -> Iterator[int]:
    """Numbers of the lines where the old text begins within functions of the name."""
    lines, old = [line.strip() for line in text.splitlines()], kept.old.split("\n")
    for name, first, last in _functions(kept.file, text):
        if name == kept.function:
            yield from (at for at in range(first, last + 2 - len(old)) if lines[at : at + len(old)] == old)


def _stripped(text: str) -> str:
    return "\n".join(line.strip() for line in text.split("\n"))


@cache
def _functions(file: str, text: str) -> list[tuple[str, int, int]]:
    """Names of functions and classes within each other, with their first and last line; the whole file is the first."""
    root = Parser(LANGUAGES[Path(file).suffix]).parse(text.encode()).root_node
    return [("", 0, text.count("\n")), *_within(root, "")]


def _within(node: Node, prefix: str) -> Iterator[tuple[str, int, int]]:
    name = node.child_by_field_name("name") if node.type in NAMED else None
    if name is not None:
        prefix = f"{prefix}{'.' if prefix else ''}{(name.text or b'').decode()}"
        yield prefix, node.start_point[0], node.end_point[0]
    for child in node.children:
        yield from _within(child, prefix)


def _text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")
