"""Options of the store: its URL and the data directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slta.cli.error_messages import fail


def without_password(context: typer.Context, option: typer.CallbackParam, url: str | None) -> str | None:
    """Return the URL; exit with an error if the process list would expose its password."""
    from slta.store import has_password

    source = context.get_parameter_source(str(option.name))
    if url and source and source.name == "COMMANDLINE" and has_password(url):
        fail("--store-url exposes its password in the process list: set SLTA_STORE_URL to this URL instead")
    return url


SharedStoreUrl = Annotated[
    str | None,
    typer.Option(
        envvar="SLTA_STORE_URL", help="URL of the shared store; default: the embedded store.", callback=without_password
    ),
]
DataDir = Annotated[Path, typer.Option(envvar="SLTA_DATA_DIR", help="Data directory of the embedded store.")]
