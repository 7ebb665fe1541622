"""The commands. Each imports its part when it runs, so that the others start fast."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from service import release
from service.cli.mistakes import fail, in_one_line
from service.cli.options import without_password

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["console", "json"]


class Part(NamedTuple):
    """A group of commands that lives in a module of its own; it needs the modules of an extra."""

    module: str
    help: str
    extra: str = ""
    needs: tuple[str, ...] = ()


LOAD = ("load", ("aiohttp", "ddsketch"))
EXPERIMENTS = ("experiments", ("matplotlib", "numpy", "scipy"))
PLANNING = ("planning", ("matplotlib", "numpy", "scipy"))
PARTS = {
    "demo": Part("demo.cli", "See it work: a service, a load on it, and a live view of its gap to the optimum.", *LOAD),
    "loadgen": Part("loadgen.cli", "Open-loop load from outside, over HTTP.", *LOAD),
    "experiments": Part("experiments.cli", "The paper's table and figures, again.", *EXPERIMENTS),
    "evaluate": Part("planning.evaluate.command", "What a recorded placement lost: from a log.", *PLANNING),
    "fit": Part("planning.fit.command", "Curves from samples of what sessions are worth.", *PLANNING),
    "check": Part("planning.check.command", "What follows from a fleet file, before anything is started."),
    "plan": Part("planning.plan.command", "The cheapest fleet for a load, or the best for a budget.", *PLANNING),
    "key": Part("service.cli.key", "API keys."),
    "audit": Part("service.cli.audit", "Look for damage in the store, and mend it."),
}


class LazyGroup(TyperGroup):
    """Lists the parts by name and imports one only when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer keeps the type to itself
        """The commands that are here, then the parts."""
        return [*super().list_commands(ctx), *PARTS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """For the list of commands: name and help are all it needs."""
        part = PARTS.get(cmd_name)
        return TyperCommand(cmd_name, help=part.help) if part else super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """For a call: the real thing."""
        part = PARTS.get(args[0])
        return (args[0], _load(args[0], part), args[1:]) if part else super().resolve_command(ctx, args)


def _load(name: str, part: Part) -> Any:  # noqa: ANN401
    if missing := [module for module in part.needs if find_spec(module) is None]:
        wheel = f"slta-{release()}-py3-none-any.whl"
        fail(
            f"`slta {name}` needs {' and '.join(missing)}, of the extra {part.extra}: "
            f"pip install '{wheel}[{part.extra}]' (in a checkout: make setup)"
        )
    command = typer.main.get_command(importlib.import_module(part.module).app)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    help="A session dispatcher that places by utility, and shows how far from the proven optimum it is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _show_release(wanted: bool) -> None:
    if wanted:
        typer.echo(f"slta {release()}")
        raise typer.Exit


@app.callback()
def slta(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_release, is_eager=True, help="Show the version, and end.")
    ] = False,
) -> None:
    """Names the group: without it typer would take `serve` for the whole program."""


@app.command()
def serve(
    config: Annotated[Path | None, typer.Option(help="Fleet file to apply at the start, if it has changed.")] = None,
    store_url: Annotated[
        str | None,
        typer.Option(
            help="redis://, rediss://, unix:// or redis+sentinel:// of a shared store; else an embedded one.",
            callback=without_password,
        ),
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the embedded store.", show_default=".slta")] = None,
    store_binary: Annotated[
        str | None, typer.Option(help="A valkey-server or redis-server to embed instead of our own.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.", show_default="8080")] = None,
    keys_file: Annotated[Path | None, typer.Option(help="API keys; needed beyond a loopback address.")] = None,
    log_level: Annotated[LogLevel | None, typer.Option(help="Least level that is logged.", show_default="info")] = None,
    log_format: Annotated[
        LogFormat | None, typer.Option(help="Form of the log.", show_default="console on a terminal, else json")
    ] = None,
) -> None:
    """Run the dispatcher.

    Every option is also an environment variable, SLTA_<OPTION>; the documentation (docs/settings.md) lists all.
    """
    given = dict(locals())
    from service.access.keys import AccessError
    from service.errors import DispatchError
    from service.process import logs, serving
    from service.process.certificates import ListenError
    from service.process.settings import SettingsError, read_settings
    from service.store.embedded import EmbeddedStoreError
    from service.store.requirements import UnsuitableStore

    with in_one_line(AccessError, DispatchError, EmbeddedStoreError, ListenError, SettingsError, UnsuitableStore):
        settings = read_settings(**given)
        logs.configure(settings.log_level, settings.log_format)
        serving.serve(settings)
