"""Command `slta audit`: check the store's data for damage, and repair it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from slta.cli.error_messages import DONE, NO, UNREACHABLE, UNUSABLE, fail, in_one_line
from slta.cli.options import JsonFile
from slta.cli.store_options import DataDir, SharedStoreUrl
from slta.cli.streams import text_beside, write_json
from slta.cli.target import checked_fleet
from slta.models import Findings, Survey

if TYPE_CHECKING:
    from rich.progress import Progress

SHOWN = 50
"""Maximum lines of a list before a prompt."""

app = typer.Typer(add_completion=False)


@app.command()
def audit(
    store_url: SharedStoreUrl = None,
    data_dir: DataDir = Path(".slta"),
    fleet: Annotated[str | None, typer.Option(help="Audit only this fleet.", callback=checked_fleet)] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild fleets with findings.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --repair: set records aside without a prompt.")] = False,
    json: JsonFile = None,
) -> None:
    """Check the store's data for damage; safe while dispatchers serve traffic.

    --repair lists the records that it would set aside, and prompts first.

    Exit code 1: damage found, or with --repair left, or no such fleet. 2: a fleet could not be audited.
    """
    from rich.progress import TimeElapsedColumn

    from slta.cli.progress import progress_bar
    from slta.models.errors import DispatchError
    from slta.runtime import logs
    from slta.runtime.offline_audit import audit_at, store_at
    from slta.runtime.settings import SettingsError, check_store_url
    from slta.store.embedded.server import EmbeddedStoreError

    logs.configure("warning")
    errors = in_one_line(DispatchError, EmbeddedStoreError, SettingsError)
    with text_beside(json), errors, _with_cause():
        if store_url:
            check_store_url(store_url)
        with store_at(store_url, data_dir) as url, progress_bar(TimeElapsedColumn()) as bar:
            bar.add_task("auditing", total=None)
            found = asyncio.run(audit_at(url, fleet, partial(_prompt, bar, yes=yes) if repair else None))
        for one in found:
            _print_findings(one)
            if one.repaired:
                typer.echo(f"  repaired in {one.repaired.slices} slices")
                if one.repaired.set_aside:
                    typer.echo(f"  {one.repaired.set_aside} unusable records were moved to {{{one.fleet}}}:aside")
    with in_one_line():
        _ = json and write_json([asdict(one) for one in found], json)
    _end(found)


@contextmanager
def _with_cause() -> Iterator[None]:
    """Print the cause of a failed store call in place of the error's general message, and exit."""
    from slta.models.errors import StoreUnavailableError
    from slta.store import cause_of

    try:
        yield
    except StoreUnavailableError as error:
        if cause := cause_of(error.__cause__):
            fail(f"the store cannot be used: {cause}", UNREACHABLE)
        raise


def _prompt(bar: Progress, fleet: str, survey: Survey, *, yes: bool) -> bool:
    """Show what a repair would set aside, if anything, and prompt; no answer means no."""
    bar.stop()
    if not survey.records:
        return True
    typer.echo(f"{fleet}: a repair would set aside {survey}:")
    _list([f"{kind} {id_}: {why}" for kind, id_, why in survey.records[:SHOWN]], survey.sessions + survey.pools)
    if yes:
        return True
    try:
        return typer.confirm("Repair the fleet?")
    except typer.Abort:
        typer.echo("\nNo answer: use --yes to confirm without a prompt.")
        return False


def _list(lines: Sequence[str], total: int) -> None:
    """Print the first lines of `total`."""
    for line in lines:
        typer.echo(f"  {line}")
    if total > len(lines):
        typer.echo(f"  … and {total - len(lines)} more")


def _end(found: Sequence[Findings]) -> NoReturn:
    from slta.models.errors import UnknownFleetError

    if unread := {one.not_looked for one in found} - {None, ""}:
        raise typer.Exit(NO if unread == {UnknownFleetError.code} else UNUSABLE)
    raise typer.Exit(NO if any(one.total for one in found) else DONE)


def _print_findings(one: Findings) -> None:
    name = one.fleet or "the store"
    if one.not_looked:
        typer.echo(f"{name}: could not be audited: {_in_words(one.not_looked)}", err=True)
        return
    typer.echo(f"{name}: {one.total or 'no'} findings")
    _list(one.sentences, one.total)
    if one.unchecked:
        typer.echo(f"  not checked: {one.unchecked}")


def _in_words(code: str) -> str:
    from slta.models import errors

    known = (kind for kind in vars(errors).values() if getattr(kind, "code", "") == code)
    return str(next(known, errors.DispatchError)())
