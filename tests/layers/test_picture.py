"""The picture of the layers in the documents is that of the code."""

from __future__ import annotations

from tests.layers.picture import FILE, picture


def test_the_picture_is_fresh() -> None:
    assert FILE.read_text(encoding="utf-8") == picture(), "run make format"
