"""The rules as Prometheus reads them, made of the files in `source`: `python -m deploy.prometheus.write_rules`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deploy.identity import grouping

FOLDER = Path(__file__).parent
HEAD = "# Written by `make format`: change deploy/prometheus/source/{} instead.\n"


def written() -> Iterator[tuple[Path, str]]:
    """Each file of rules and what it must hold."""
    for source in sorted((FOLDER / "source").glob("*.yml")):
        yield FOLDER / "rules" / source.name, HEAD.format(source.name) + grouping(source.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for path, text in written():
        path.write_text(text, encoding="utf-8")
