"""Command line of `slta nginx-map`."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from slta.cli.error_messages import UserError, in_one_line
from slta.cli.target import DEFAULT_URL, BaseUrl, FleetName, KeyFile, target_of
from slta_integrations.client import Client
from slta_integrations.errors import checked
from slta_integrations.nginx_map.rendering import PoolAddress, render

UNCHANGED = 3
"""Exit code, which scripts that reload nginx ask for."""
MODE = 0o644

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(
    fleet: FleetName,
    url: BaseUrl = DEFAULT_URL,
    key_file: KeyFile = None,
    map_file: Annotated[
        Path | None, typer.Option(help="File to replace if it changed; default: standard output.")
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 3 if the file has not changed.")] = False,  # noqa: FBT002
) -> None:
    """Write the map of pools to upstreams that nginx includes: see docs/proxies.md."""
    with in_one_line():
        target = target_of(url, fleet, key_file)
        text = render(fleet, pools_of(asyncio.run(_pages(Client(target)))))
        if map_file is None:
            typer.echo(text, nl=False)
        elif not replace_file(map_file, text) and exit_code:
            raise typer.Exit(UNCHANGED)


async def _pages(client: Client) -> list[Mapping[str, Any]]:
    async with client:
        return [checked(page) async for page in client.pages("pools")]


def pools_of(pages: Sequence[Mapping[str, Any]]) -> list[PoolAddress]:
    """All pools. Raises UserError."""
    try:
        return [PoolAddress(pool["pool_id"], pool.get("address")) for page in pages for pool in page["pools"]]
    except (KeyError, TypeError, AttributeError):
        raise UserError("the service's reply has no pools") from None


def replace_file(file: Path, text: str) -> bool:
    """Replace a file atomically, keeping its mode; False if it has this text already."""
    mode = MODE
    with suppress(FileNotFoundError):
        if file.read_text(encoding="utf-8") == text:
            return False
        mode = file.stat().st_mode & 0o777
    descriptor, new = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            os.fchmod(descriptor, mode)
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        Path(new).replace(file)
    except BaseException:
        Path(new).unlink(missing_ok=True)
        raise
    return True
