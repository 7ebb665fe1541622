"""Options that commands share: which store they speak to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.mistakes import fail


def without_password(context: typer.Context, option: typer.CallbackParam, url: str | None) -> str | None:
    """The URL as it is; ends where everybody on the machine could read its password in the list of processes."""
    from service.store.urls import has_password

    source = context.get_parameter_source(str(option.name))
    if url and source and source.name == "COMMANDLINE" and has_password(url):
        fail("--store-url shows its password in the list of processes: set SLTA_STORE_URL to this URL instead")
    return url


SharedStoreUrl = Annotated[
    str | None,
    typer.Option(envvar="SLTA_STORE_URL", help="The shared store; else the embedded one.", callback=without_password),
]
DataDir = Annotated[Path, typer.Option(envvar="SLTA_DATA_DIR", help="Folder of the embedded store.")]
