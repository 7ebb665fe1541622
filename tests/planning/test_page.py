"""docs/evaluate.md shows what the command prints, and names the figures that it writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from planning.evaluate.command import app
from tests.docs.pages import rows, words
from tests.planning.page import MARKED, PAGE, example
from tests.planning.recorded import FLEET, least_connections, write_csv


def test_the_example_is_what_the_command_prints(tmp_path: Path) -> None:
    (shown,) = MARKED.finditer(PAGE.text)
    assert shown[0].removeprefix(shown[1]).removesuffix(shown[2]) == example(tmp_path), (
        "run python -m tests.planning.page --write"
    )


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
