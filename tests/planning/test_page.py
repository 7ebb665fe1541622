"""docs/evaluate.md and docs/check.md show what the commands print, and name the figures that they write."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from planning.evaluate.command import app
from tests.docs.pages import rows, words
from tests.planning.page import CHECK_PAGE, MISTAKEN, PAGE, checked, example, shown
from tests.planning.recorded import FLEET, least_connections, write_csv

AGAIN = "run python -m tests.planning.page --write"


def test_the_example_of_a_log_is_what_the_command_prints(tmp_path: Path) -> None:
    assert example(tmp_path) in shown(PAGE, "evaluate"), AGAIN


@pytest.mark.parametrize(("name", "text"), [("valid", FLEET), ("mistaken", MISTAKEN)])
def test_an_example_of_a_check_is_what_the_command_prints(name: str, text: str) -> None:
    assert checked("arena.yaml", text) in shown(CHECK_PAGE, name), AGAIN


def test_the_fleet_file_of_the_page_is_the_examples() -> None:
    assert FLEET in PAGE.blocks("yaml")


def test_the_table_of_figures_names_what_is_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    log = write_csv(least_connections(3000), tmp_path / "log.csv")
    out = tmp_path / "out.json"
    CliRunner().invoke(app, [str(log), "--fleet", str(tmp_path / "fleet.yaml"), "--json", str(out)])
    data = json.loads(out.read_text(encoding="utf-8"))
    named = {name for cells in rows(PAGE.section("The figures as JSON")) for name in words(cells[0])}
    assert {name.partition(".")[0] for name in named} == set(data)
    for name in named:
        found = data
        for part in re.sub(r"<policy>", "slta", name).split("."):
            found = found[part]
