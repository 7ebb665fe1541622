"""Command group of `slta`. Subcommands are imported when they run, so that the others start fast."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from slta import release
from slta.cli.error_messages import EXIT_CODES, fail, in_one_line, usage_in_one_line
from slta.cli.options import OptionalFleetFile
from slta.cli.store_options import without_password

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["console", "json"]


class Part(NamedTuple):
    """Lazily imported subcommand, the group that it is listed in, and the extra that it requires."""

    module: str
    group: str
    help: str
    extra: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Modules of the extra."""
        return EXTRAS.get(self.extra, ())


EXTRAS = {
    "load": ("aiohttp", "ddsketch"),
    "experiments": ("matplotlib", "numpy", "scipy"),
    "integrations": ("aiohttp",),
    "planning": ("matplotlib", "numpy", "scipy"),
}
RUN, OPERATE, CONNECT, PLAN, TRY = "Run", "Operate", "Connect", "Plan and evaluate", "Try"
USES, PLANS = "slta_integrations", "slta_planning"
PARTS = {
    "fleet": Part(f"{USES}.operator.fleet", OPERATE, "Look at fleets, and configure them.", "integrations"),
    "pool": Part(f"{USES}.operator.pool", OPERATE, "Look at pools, drain, return and fail them.", "integrations"),
    "session": Part(f"{USES}.operator.session", OPERATE, "Look at a session, or end it.", "integrations"),
    "key": Part("slta.cli.key", OPERATE, "Manage API keys."),
    "audit": Part("slta.cli.audit", OPERATE, "Check the store's data for damage, and repair it."),
    "follow": Part(f"{USES}.follow.command", CONNECT, "Report and complete sessions from a log.", "integrations"),
    "nginx-map": Part(f"{USES}.nginx_map.command", CONNECT, "Write nginx's map of pools.", "integrations"),
    "agent": Part(f"{USES}.agent.command", CONNECT, "Keep a host's pools; drain them in the end.", "integrations"),
    "kubernetes": Part(f"{USES}.kubernetes.command", CONNECT, "Make pools of pods of Services.", "integrations"),
    "check": Part(f"{PLANS}.check.command", PLAN, "Validate a fleet file and show what follows from it."),
    "plan": Part(f"{PLANS}.plan.command", PLAN, "Find the cheapest fleet, or the best for a budget.", "planning"),
    "fit": Part(f"{PLANS}.fit.command", PLAN, "Fit utility curves to samples.", "planning"),
    "evaluate": Part(f"{PLANS}.evaluate.command", PLAN, "Evaluate what recorded placements lost.", "planning"),
    "demo": Part("slta_demo.cli", TRY, "Play a load, and show how far from the optimum it is.", "load"),
    "loadgen": Part("slta_loadgen.cli", TRY, "Open-loop HTTP load generator.", "load"),
    "experiments": Part("slta_experiments.cli", TRY, "Reproduce the paper's table and figures.", "experiments"),
}


class LazyGroup(TyperGroup):
    """Command group that imports a subcommand only when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer does not export the type
        """The commands of this module, then the lazy ones."""
        return [*super().list_commands(ctx), *PARTS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """For the command list: a stub with name, help and group."""
        part = PARTS.get(cmd_name)
        return (
            TyperCommand(cmd_name, help=part.help, rich_help_panel=part.group)
            if part
            else super().get_command(ctx, cmd_name)
        )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """For a call: the imported command."""
        part = PARTS.get(args[0])
        return (args[0], _load(args[0], part), args[1:]) if part else super().resolve_command(ctx, args)

    def make_context(self, *names: Any, **options: Any) -> Any:  # noqa: ANN401
        """Parse the words before the subcommand."""
        with usage_in_one_line():
            return super().make_context(*names, **options)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Parse the others, and run the command."""
        with usage_in_one_line():
            return super().invoke(ctx)


def _enumerated(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _load(name: str, part: Part) -> Any:  # noqa: ANN401
    if missing := [module for module in part.needs if find_spec(module) is None]:
        wheel = f"slta-{release()}-py3-none-any.whl"
        fail(
            f"`slta {name}` requires {_enumerated(missing)} from the extra {part.extra}: "
            f"pip install '{wheel}[{part.extra}]' (in a checkout: make setup)"
        )
    command = typer.main.get_command(importlib.import_module(part.module).app)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    help="A session dispatcher that places by utility, and shows how far from the proven optimum it is.",
    epilog="Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + ".",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_release(wanted: bool) -> None:
    if wanted:
        typer.echo(f"slta {release()}")
        raise typer.Exit


@app.callback()
def slta(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_release, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Callback of the group: without it typer would make `serve` the whole program."""


@app.command(rich_help_panel=RUN)
def serve(
    config: OptionalFleetFile = None,
    store_url: Annotated[
        str | None,
        typer.Option(
            help="Shared store: redis://, rediss://, unix://, redis+sentinel:// or redis+cluster:// URL; "
            "default: an embedded store.",
            callback=without_password,
        ),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data directory of the embedded store.", show_default=".slta")
    ] = None,
    store_binary: Annotated[
        str | None, typer.Option(help="valkey-server or redis-server binary to embed instead of the bundled one.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 for a free one.", show_default="8080")] = None,
    keys_file: Annotated[
        Path | None, typer.Option(help="API key file; required unless SLTA_AUTH=false, for a loopback address only.")
    ] = None,
    log_level: Annotated[LogLevel | None, typer.Option(help="Minimum log level.", show_default="info")] = None,
    log_format: Annotated[
        LogFormat | None, typer.Option(help="Log format.", show_default="console on a terminal, else json")
    ] = None,
) -> None:
    """Run the dispatcher; a fleet file is applied at startup if it has changed.

    Each option can be set as an environment variable SLTA_<OPTION>; docs/settings.md lists all settings.
    """
    given = dict(locals())
    from slta.auth.keys import AccessError
    from slta.models.errors import DispatchError
    from slta.runtime import bootstrap, logs
    from slta.runtime.settings import SettingsError, read_settings
    from slta.server.server import ListenError
    from slta.store import UnsuitableStoreError
    from slta.store.embedded.server import EmbeddedStoreError

    with in_one_line(AccessError, DispatchError, EmbeddedStoreError, ListenError, SettingsError, UnsuitableStoreError):
        settings = read_settings(**given)
        logs.configure(settings.log_level, settings.log_format)
        bootstrap.serve(settings)
