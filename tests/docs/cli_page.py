"""docs/cli.md, the reference of the command line, from the commands: `python -m tests.docs.cli_page > docs/cli.md`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import typer

from slta.cli.commands import app
from tests.docs.terms import subcommands

HEAD = """\
# Command line

<!-- Written by `make format` from the commands. -->

`slta --install-completion` makes the shell complete commands and options. Exit codes are in
[commands](operations.md#commands).
"""
TABLE_HEAD = "| | default | meaning |\n|---|---|---|"


def page() -> str:
    """The text of the page."""
    return "\n".join([HEAD, *sections(typer.main.get_command(app), "slta")])


def sections(command: Any, name: str) -> Iterator[str]:
    """A section of each command, subcommands after their group."""
    within = subcommands(command)
    if name != "slta":
        yield f"## {name}\n\n{' '.join((command.help or '').split())}\n"
    parameters = [one for one in command.params if not one.hidden and one.name != "help"] if not within else []
    if parameters:
        yield "\n".join([TABLE_HEAD, *map(row, parameters)]) + "\n"
    for word, one in within.items():
        if not one.hidden:
            yield from sections(one, f"{name} {word}")


def row(parameter: Any) -> str:
    """An option or argument, its default and its meaning."""
    is_option = parameter.param_type_name == "option"
    names = [*parameter.opts, *parameter.secondary_opts] if is_option else [parameter.name.upper()]
    help_text = " ".join((getattr(parameter, "help", None) or "").split())
    cells = (", ".join(f"`{one}`" for one in names), default_of(parameter), help_text)
    return "| " + " | ".join(re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in cells) + " |"


def default_of(parameter: Any) -> str:
    """The default as the help shows it, `required`, or nothing."""
    if parameter.required:
        return "required"
    shown = getattr(parameter, "show_default", None)
    value = shown if isinstance(shown, str) else parameter.default
    return "" if value in (None, False, "", ()) or callable(value) else f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(page())
