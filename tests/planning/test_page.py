"""The pages of planning show what the commands print, and name the figures that they write."""

from __future__ import annotations

from pathlib import Path

import pytest

from slta_planning.plan.command import app as plan
from tests.docs.pages import rows, words
from tests.planning.commands import figures_of
from tests.planning.page import (
    MISTAKEN,
    PAGE,
    PLAN_PAGE,
    PLANS,
    checked,
    example,
    from_python,
    planned,
    shown,
    write_files,
)
from tests.planning.recorded import FLEET

AGAIN = "run python -m tests.planning.page --write"


def test_the_example_of_a_log_is_what_the_command_prints(tmp_path: Path) -> None:
    assert example(tmp_path) in shown(PAGE, "evaluate"), AGAIN


def test_the_example_from_python_is_what_it_prints() -> None:
    assert from_python() in shown(PAGE, "python"), AGAIN


@pytest.mark.slow
@pytest.mark.parametrize(("name", "text"), [("valid", FLEET), ("mistaken", MISTAKEN)])
def test_an_example_of_a_check_is_what_the_command_prints(name: str, text: str) -> None:
    assert checked("arena.yaml", text) in shown(PLAN_PAGE, name), AGAIN


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANS)
def test_an_example_of_a_plan_is_what_the_command_prints(name: str) -> None:
    assert planned(PLANS[name]) in shown(PLAN_PAGE, name), AGAIN


def test_the_files_of_the_examples_are_written_into_a_new_folder(tmp_path: Path) -> None:
    assert [file for file in write_files(tmp_path / "new" / "folder") if not file.exists()] == []


def test_the_fleet_file_of_the_page_is_the_examples() -> None:
    assert FLEET in PAGE.blocks("yaml")


def test_the_table_of_a_plan_names_what_is_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    costs = [word for name in ("linear", "quadratic", "saturating") for word in ("--cost", f"{name}=1")]
    data = figures_of(plan, tmp_path, tmp_path / "fleet.yaml", *costs, "--sessions", "9", "--budget", "9")
    named = {cells[0]: set(words(cells[1])) for cells in rows(PLAN_PAGE.section("The figures as JSON"))}
    figures = {name for cell in named for name in words(cell)}
    assert set(data) | {"refused", "reserve"} | TYPED_HOUR == figures
    assert set(data["hours"][0]) <= named["`hours`"]
    assert set(data["classes"]["linear"]) <= named["`classes`"]
    assert set(data["rounds"][0]) <= named["`rounds`"]


TYPED_HOUR = {
    *("hour", "sessions", "bound", "compatibility_gap", "measured_utility", "measured_error"),
    *("runs", "measured_sessions", "session_types"),
}
"""Figures of an hour with session types, in a table of their own; `floor` is in both."""


@pytest.mark.slow
def test_the_tables_of_a_plan_name_what_is_in_the_file_with_session_types(tmp_path: Path) -> None:
    costs = [word for name in ("gpu", "large", "small") for word in ("--cost", f"{name}=1")]
    loads = [word for name in ("call", "stream", "chat") for word in ("--sessions", f"{name}=9")]
    data = figures_of(
        plan, tmp_path, PLAN_PAGE.path.parents[1] / "examples/media.yaml", *costs, *loads, "--budget", "9"
    )
    named = {cells[0]: set(words(cells[1])) for cells in rows(PLAN_PAGE.section("The figures as JSON"))}
    assert set(data) <= {name for cell in named for name in words(cell)}
    (hour,) = data["hours"]
    assert set(hour) == TYPED_HOUR | {"floor"}
    assert set(hour["session_types"]["call"]) <= named["`session_types`"]
    assert set(data["rounds"][0]) - {"refused"} <= named["`rounds`"]
