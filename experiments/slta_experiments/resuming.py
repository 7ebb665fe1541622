"""Runs of a long study, kept in a file: started again, it goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from slta_experiments.engine.compiling import sources_digest
from slta_experiments.parallel import one_by_one

Item = TypeVar("Item")


def each_kept(
    function: Callable[[Item], Any], items: Sequence[Item], title: str, processes: int, file: Path
) -> list[Any]:
    """Map `function` over items, in order; results are JSON, and those in `file` are not computed again.

    The `repr` of an item must tell all that its result depends on, besides the engine and its rules.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    keys = [key_of(item) for item in items]
    known = read(file)
    missing = [(key, item) for key, item in zip(keys, items, strict=True) if key not in known]
    with file.open("a", encoding="utf-8") as lines:
        lines.write("\n" if lines.tell() else "")  # after a line that was cut short
        results = one_by_one(function, [item for _, item in missing], title, processes)
        for (key, _), result in zip(missing, results, strict=True):
            known[key] = result
            lines.write(json.dumps([key, result]) + "\n")
            lines.flush()
    return [known[key] for key in keys]


def key_of(item: object) -> str:
    """Digest of an item, the engine and its rules."""
    return hashlib.sha256(f"{sources_digest()} {item!r}".encode()).hexdigest()[:32]


def read(file: Path) -> dict[str, Any]:
    """Results by key; a line that was cut short is left out, and an empty one."""
    found: dict[str, Any] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
        try:
            key, result = json.loads(line)
        except ValueError:
            continue
        found[key] = result
    return found
