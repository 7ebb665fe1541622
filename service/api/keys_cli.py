"""`slta key`: make keys."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
import yaml

from service.api.access import SCOPES, Scope, generate_key

app = typer.Typer(help="API keys.", no_args_is_help=True)


@app.callback()
def key() -> None:
    """API keys."""


@app.command()
def new(
    scope: Annotated[list[str], typer.Option(help=f"What it may do, repeatable: {', '.join(SCOPES)}.")],
    fleet: Annotated[list[str] | None, typer.Option(help="Only in this fleet, repeatable; else in all.")] = None,
) -> None:
    """Make a key: the key itself on the last line, once; above it the entry for the key file."""
    scopes: list[Scope] = [known for known in SCOPES if known in scope]
    unknown = sorted(set(scope) - set(SCOPES))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: scopes are {', '.join(SCOPES)}")
    text, entry = generate_key(scopes, fleet or ())
    fields = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in entry if value}
    sys.stderr.write("# Add to the key file, under keys:\n")
    sys.stderr.write(yaml.safe_dump([fields], sort_keys=False, default_flow_style=None, width=200))
    sys.stderr.write("# The key, shown only here:\n")
    sys.stdout.write(f"{text}\n")
