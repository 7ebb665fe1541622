"""The commands. Each imports its part when it runs, so that the others start fast."""
# ruff: noqa: PLC0415, PLR0913 - late imports, and an argument for each option

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

USER_ERROR = 2

Policy = Literal["slta", "jlmu"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["console", "json"]


class Part(NamedTuple):
    """A group of commands that lives in a module of its own; `extra` is what has to be installed for it."""

    module: str
    help: str
    extra: str | None = None


PARTS = {
    "loadgen": Part("loadgen.cli", "Open-loop load from outside, over HTTP."),
    "experiments": Part("experiments.cli", "The paper's table and figures, again.", "experiments"),
    "key": Part("service.api.keys_cli", "API keys."),
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
    try:
        command = typer.main.get_command(importlib.import_module(part.module).app)
    except ModuleNotFoundError as error:
        if part.extra is None:
            raise
        fail(
            f"`slta {name}` needs {error.name}, which is not installed. "
            f"Install it with: pip install 'slta[{part.extra}]' (in a checkout: make setup)"
        )
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    help="A session dispatcher that places by utility, and shows how far from the proven optimum it is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.command()
def serve(
    config: Annotated[Path | None, typer.Option(help="Fleet file to apply at the start, if it has changed.")] = None,
    store_url: Annotated[
        str | None, typer.Option(help="redis://, rediss:// or unix:// of a shared store; else an embedded one.")
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
    with user_errors():
        from service import app, logs
        from service.settings import read_settings

        settings = read_settings(**given)
        logs.configure(settings.log_level, settings.log_format)
        app.serve(settings)


@app.command()
def demo(
    fleet: Annotated[Path | None, typer.Option(help="Fleet file.", show_default="examples/saturating.yaml")] = None,
    policy: Annotated[Policy | None, typer.Option(help="Instead of the file's.")] = None,
    pools: Annotated[int | None, typer.Option(help="Pools in all; scales the classes in proportion.")] = None,
    load: Annotated[
        str, typer.Option(help="Sessions per pool: a number, a swing (5..12) or a course (5@30,5..12@20).")
    ] = "5..12",
    mean_holding: Annotated[float, typer.Option(help="Mean duration of a session in seconds.")] = 5.0,
    duration: Annotated[float, typer.Option(help="Seconds of arrivals, warm-up included.")] = 60.0,
    warm_up: Annotated[
        float | None,
        typer.Option(help="Seconds left out of the averages.", show_default="5 holding times, at most 1/3"),
    ] = None,
    trace: Annotated[Path | None, typer.Option(help="CSV start_s,duration_s to replay instead, to its end.")] = None,
    speed: Annotated[float, typer.Option(help="With --trace: 10 plays an hour in six minutes.")] = 1.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    seed: Annotated[int, typer.Option(help="Of arrivals and holding times.")] = 1,
    port: Annotated[int, typer.Option(help="Port of the service; 0 takes a free one.")] = 0,
) -> None:
    """See it work: a service with its store, a load on it, and a live view of how close to the optimum it is."""
    with user_errors():
        from service.demo.options import EXAMPLES, Options
        from service.demo.run import show

        options = Options(
            fleet=fleet or EXAMPLES / "saturating.yaml",
            policy=policy,
            pools=pools,
            load=load,
            mean_holding_seconds=mean_holding,
            duration_seconds=duration,
            warm_up_seconds=warm_up,
            trace=trace,
            speed=speed,
            json_path=json_file,
            seed=seed,
            port=port,
        )
        show(options)


@contextmanager
def user_errors() -> Iterator[None]:
    """What the user can put right is one clear message and exit code 2, never a traceback."""
    from service.api.access import AccessError
    from service.demo.options import DemoError
    from service.errors import DispatchError
    from service.listening import ListenError
    from service.settings import SettingsError
    from service.store.embedded import EmbeddedStoreError

    try:
        yield
    except (AccessError, DemoError, DispatchError, EmbeddedStoreError, ListenError, SettingsError) as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """Say what is wrong and end."""
    sys.stderr.write(f"slta: {message}\n")
    raise typer.Exit(USER_ERROR)
