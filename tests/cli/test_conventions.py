"""All commands follow one set of conventions: names of options, exit codes, errors and help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from slta.cli.commands import PARTS, _load, app
from slta.cli.error_messages import EXIT_CODES
from slta.cli.output import text_of
from tests.inventory import each

ONE_MEANING = {
    "--fleet": "name of the fleet|this fleet",
    "--json": "json file",
    "--key-file": "file with the api key",
    "--load-per-pool": "per (active )?pool|loads",
    "--lease": "lease of sessions|session lease",
    "--output": "output format",
    "--port": "port .*to listen|port of the service",
    "--sessions": "sessions of the whole fleet",
    "--url": "base url",
}
"""What the help of an option says in each command that has it."""
NO_OPTIONS = {"--api-key", "--config", "--load"}
"""Besides the agent's configuration, which is no fleet file; `--load` is refused, and hidden."""


def commands() -> Iterator[tuple[str, Any]]:
    """Names and commands, those of groups too."""
    root: Any = typer.main.get_command(app)
    for name in ("serve", *PARTS):
        command = _load(name, PARTS[name]) if name in PARTS else root.commands[name]
        yield from ((f"{name} {own}", one) for own, one in getattr(command, "commands", {"": command}).items())


COMMANDS = [(name.strip(), command) for name, command in commands()]
OPTIONS = [
    (name, option, parameter)
    for name, command in COMMANDS
    for parameter in command.params
    for option in parameter.opts
    if not getattr(parameter, "hidden", False)
]


def called(*arguments: str, columns: int = 80) -> Any:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": str(columns), "TERM": "dumb"}, prog_name="slta")


@each(("name", "option", "parameter"), OPTIONS)
def test_an_option_means_one_thing_and_says_it(name: str, option: str, parameter: Any) -> None:
    told = (parameter.help or "").lower()
    assert told, "no help"
    assert re.search(ONE_MEANING.get(option, ""), told), told
    assert option not in NO_OPTIONS or name == "agent", "another name"


@each(("name", "option", "parameter"), OPTIONS)
def test_a_time_is_a_duration_with_a_unit(name: str, option: str, parameter: Any) -> None:
    times = "lease$|within|duration|mean-holding|warm-up|cool-down|gap$|step|grace|every"
    if re.fullmatch(f"--.*({times})", option):
        assert parameter.metavar == "DURATION"
    assert not re.search(r"\bin seconds\b|^seconds\b", parameter.help.lower()), parameter.help


@each(("name", "command"), COMMANDS)
def test_an_exit_code_is_of_the_table(name: str, command: Any) -> None:
    told = {int(code) for code in re.findall(r"(?:Exit code|^ *|\. )(\d):", command.help)}
    assert told <= EXIT_CODES.keys()


@each(("name", "command"), COMMANDS)
def test_an_unknown_option_is_one_line_and_2(name: str, command: Any) -> None:
    done = called(*name.split(), "--nonsense")
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.output
    assert done.stderr.startswith("slta: No such option: --nonsense")
    assert done.stderr.endswith(f"; see slta {name} --help\n")


@pytest.mark.slow
@each(("name", "command"), COMMANDS)
def test_help_is_in_80_columns(name: str, command: Any) -> None:
    page = called(*name.split(), "--help").stdout
    assert max(map(len, page.splitlines())) <= 80
    assert [option for of, option, _ in OPTIONS if of == name and option.startswith("-") and option not in page] == []


def test_the_help_has_the_table_of_exit_codes() -> None:
    assert [meaning for meaning in EXIT_CODES.values() if meaning not in called("--help", columns=400).stdout] == []


def test_only_the_first_table_is_shown_without_rows() -> None:
    assert text_of("table", {}, ("A", []), ("B", []), ("C", [[1]])) == "A\n\nC\n1"
