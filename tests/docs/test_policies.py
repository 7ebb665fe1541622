"""The figures of docs/policies.md are those of the study."""

from __future__ import annotations

import json

import pytest

from experiments.studies.which import LINES
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/policies.md").read_text(encoding="utf-8")
ROWS = json.loads((ROOT / "docs/results/which.json").read_text(encoding="utf-8"))["rows"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['fleet']}, {row['n']}, {row['load']}")
def test_a_row_of_the_study_stands_on_the_page(row: dict[str, object]) -> None:
    gaps = " | ".join(f"{row[line]['gap']:.3f}" for line in LINES)  # type: ignore[index]
    assert f" | {row['n']:,} | {gaps} |" in PAGE
