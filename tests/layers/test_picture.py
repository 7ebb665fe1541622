"""The pictures in the documents are those of the code."""

from __future__ import annotations

from pathlib import Path

from tests.inventory import each
from tests.layers.picture import PICTURES


@each("file", PICTURES)
def test_a_picture_is_fresh(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == PICTURES[file](), "run make format"
