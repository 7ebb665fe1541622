"""Command `slta key`: generate and list API keys."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError

from slta.auth.keys import SCOPES, Access, AccessError, KeyEntry, Scope, generate_key
from slta.cli.error_messages import in_one_line
from slta.cli.output import Output, text_of
from slta.parsing import explain

app = typer.Typer(help="Manage API keys.", no_args_is_help=True, add_completion=False)


@app.callback()
def key() -> None:
    """Manage API keys."""


@app.command()
def new(
    scope: Annotated[
        list[str] | None, typer.Option(help=f"Scope, repeatable: {', '.join(SCOPES)}.", show_default=False)
    ] = None,
    fleet: Annotated[
        list[str] | None, typer.Option(help="Restrict the key to this fleet, repeatable; default: all fleets.")
    ] = None,
    pool: Annotated[
        list[str] | None,
        typer.Option(help="Restrict the scope pool to these pools, repeatable; * stands for any characters."),
    ] = None,
    class_: Annotated[
        list[str] | None, typer.Option("--class", help="With --pool: a class in which it may create pools, repeatable.")
    ] = None,
    most_pools: Annotated[
        int | None, typer.Option(help="With --class: most matching pools that exist after the key creates one.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="Key file to add the entry to, which keeps its owner and mode; default: print it."),
    ] = None,
) -> None:
    """Generate a key and print it once; the key file has only its hash. Running dispatchers reload their key file."""
    scopes: list[Scope] = [known for known in SCOPES if known in (scope or ())]
    if not scope or set(scope) - set(scopes):
        raise typer.BadParameter(f"--scope must be one or more of {', '.join(SCOPES)}")
    try:
        text, entry = generate_key(scopes, fleet or (), pool or (), class_ or (), most_pools)
    except ValidationError as error:
        raise typer.BadParameter(explain(error.errors(include_input=False))) from None
    if file is None:
        sys.stderr.write(f"# Add to the key file, under keys:\n{_as_yaml([_fields(entry)])}# The key:\n")
    else:
        with in_one_line(AccessError):
            _add(file, entry)
    sys.stdout.write(f"{text}\n")


@app.command("list")
def list_keys(
    file: Annotated[Path, typer.Option(envvar="SLTA_KEYS_FILE", help="Key file.", show_default=False)],
    output: Output = "table",
) -> None:
    """List the keys of a key file: ids, scopes, and what they are restricted to."""
    with in_one_line(AccessError):
        entries = [_fields(entry) for entry in Access.load(file).entries]
    shown = [{name: value for name, value in entry.items() if name != "sha256"} for entry in entries]
    lists = ("scopes", "fleets", "pools", "classes")
    rows = ([one["id"], *(",".join(one.get(name, ())) for name in lists), one.get("most_pools")] for one in shown)
    typer.echo(text_of(output, shown, ("KEY SCOPES FLEETS POOLS CLASSES MOST-POOLS", rows)))


def _add(path: Path, entry: KeyEntry) -> None:
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f"{target.name}.new")  # of one command at a time: FileExistsError
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
            before = target.stat() if target.exists() else None
            entries = [*Access.load(target).entries, entry] if before else [entry]
            stream.write(_as_yaml({"keys": [_fields(one) for one in entries]}))
        if before:
            os.chown(temporary, before.st_uid, before.st_gid)
            temporary.chmod(before.st_mode & 0o777)
        temporary.replace(target)
    except BaseException:
        temporary.unlink()
        raise


def _fields(entry: KeyEntry) -> dict[str, Any]:
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in entry if value}


def _as_yaml(value: object) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, default_flow_style=None, width=200)
    return text
