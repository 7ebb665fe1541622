"""docs/curves.md shows what `slta fit` prints and names the figures that it writes; the examples have its curves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from slta_planning.fit.command import app
from tests.docs.pages import ROOT, rows, words
from tests.planning.curves_page import FLEETS, PAGE, SHOWN, excerpt, fitted_classes
from tests.planning.page import shown
from tests.planning.worked_cases import write_case

AGAIN = "run python -m tests.planning.curves_page --write"


@pytest.mark.parametrize(("name", "case"), SHOWN.items())
def test_an_example_of_a_fit_is_what_the_command_prints(name: str, case: str, tmp_path: Path) -> None:
    assert excerpt(case, tmp_path) in shown(PAGE, name), AGAIN


@pytest.mark.parametrize("fleet", FLEETS)
def test_the_curves_of_an_example_are_those_that_are_fitted(fleet: str) -> None:
    text = (ROOT / f"examples/{fleet}.yaml").read_text(encoding="utf-8")
    assert text.partition("classes:\n")[2] == fitted_classes(fleet), AGAIN


def test_the_page_of_curves_names_what_is_in_the_file(tmp_path: Path) -> None:
    log, out = write_case("playable", tmp_path), tmp_path / "out.json"
    CliRunner().invoke(app, [str(log), "--json", str(out)])
    data = json.loads(out.read_text(encoding="utf-8"))
    named = {name for cells in rows(PAGE.section("The figures as JSON")) for name in words(cells[0])}
    (found,) = data["classes"].values()
    assert named == {f"samples.{name}" for name in data["samples"]} | {
        f"classes.<class>.{name}" for name in flat(found)
    }


def flat(found: dict[str, Any]) -> list[str]:
    """Names of figures; those of `concave` and `bands` one by one."""
    inner = {"concave", "bands"}
    return [f"{k}.{name}" for k in inner for name in found[k]] + [k for k in found if k not in inner]
