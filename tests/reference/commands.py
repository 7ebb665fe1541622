"""Commands of `slta` with their options, from typer's tree."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Any

import typer

from slta.cli.commands import app
from slta.cli.error_messages import EXIT_CODES
from tests.reference.markdown import paragraph, prose, table

SHARED = 2
"""Commands from which on an option with the same help is listed once for all."""
WIDTH = 112
HEAD = "option | default | meaning"

Rows = dict[str, tuple[str, str, str]]


def commands() -> str:
    """A table of what commands share, and a section for each command."""
    found = dict(_commands(typer.main.get_command(app), "slta"))
    rows = {name: {word: _row(p) for word, p in _parameters(command)} for name, command in found.items()}
    times = Counter(row for own in rows.values() for row in own.values())
    shared = table(HEAD, (row for row, count in times.items() if count >= SHARED))
    sections = [
        _section(name, found[name], [r for r in own.values() if times[r] < SHARED]) for name, own in rows.items()
    ]
    return "\n\n".join([shared, *sections])


def exit_codes() -> str:
    """Exit codes of all commands."""
    return table("code | meaning", ((f"`{int(code)}`", meaning) for code, meaning in EXIT_CODES.items()))


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    within = subcommands(command)
    if not within:
        yield name, command
    for word, one in within.items():
        yield from _commands(one, f"{name} {word}")


def _parameters(command: Any) -> Iterator[tuple[str, Any]]:
    """Arguments and options that a user sees, as the usage has them."""
    context = typer.main.get_command(app).make_context("slta", ["--help"], resilient_parsing=True)
    for one in command.params:
        if not getattr(one, "hidden", False):
            value = one.metavar or re.sub(r"<list\[(\w+)\]>", r"<\1>…", one.display_type(ctx=context))
            flag = one.opts[0] if getattr(one, "is_flag", False) else f"{one.opts[0]} {value}"
            usage = _name(one) if one.param_type_name == "argument" else flag
            yield usage if one.required else f"[{usage}]", one


def _name(one: Any) -> str:
    """An argument's name, an option's first."""
    return str((one.metavar or one.name.upper()).strip("[]") if one.param_type_name == "argument" else one.opts[0])


def _row(one: Any) -> tuple[str, str, str]:
    default = one.show_default if isinstance(one.show_default, str) else _stated(one)
    return f"`{_name(one)}`", prose(default), prose(one.help or "")


def _stated(one: Any) -> str:
    default = getattr(one.default, "value", one.default)
    stated = f"`{default}`" if one.show_default and default not in (None, False, "", [], ()) else ""
    return "required" if one.required else stated


def _section(name: str, command: Any, own: list[tuple[str, str, str]]) -> str:
    usage = " ".join(word.replace(" ", "\0") for word, _ in _parameters(command))
    lines = textwrap.wrap(f"{name} {usage}", WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    block = "\n".join(lines).replace("\0", " ")
    parts = [f"### {name}", paragraph(command.help or ""), f"```text\n{block}\n```"]
    return "\n\n".join(parts + ([table(HEAD, own)] if own else []))


def subcommands(command: Any) -> dict[str, Any]:
    """Commands of a group by name, imported; none of a command."""
    if not hasattr(command, "list_commands"):
        return {}
    context = command.make_context("slta", ["--help"], resilient_parsing=True)
    return {name: command.resolve_command(context, [name])[1] for name in command.list_commands(context)}
