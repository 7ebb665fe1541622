"""Registration of operators' commands: coroutines that get an Operator, with the options that all of them have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Any

import typer

from slta.cli.error_messages import UserError, in_one_line
from slta.cli.output import Format, Output
from slta.cli.target import DEFAULT_URL, BaseUrl, FleetName, KeyFile, target_of
from slta.models.errors import InvalidFleetError
from slta_integrations.client import Client
from slta_integrations.operator.calls import Operator

Command = Callable[..., Awaitable[None]]
SHARED = {"url": (BaseUrl, DEFAULT_URL), "key_file": (KeyFile, None), "output": (Output, "table")}
"""Options by name: annotation and default."""


def command(app: typer.Typer, name: str | None = None, *, of_fleet: bool = True) -> Callable[[Command], Command]:
    """Register a coroutine that gets an Operator first: of the fleet that `--fleet` names, or of the service."""
    shared = {"fleet": (FleetName, Parameter.empty), **SHARED} if of_fleet else SHARED
    options = [Parameter(key, Parameter.KEYWORD_ONLY, default=row[1], annotation=row[0]) for key, row in shared.items()]

    def register(function: Command) -> Command:
        @wraps(function)
        def run(**given: Any) -> None:  # noqa: ANN401 - options
            found = {key: given.pop(key) for key in shared}
            with in_one_line(InvalidFleetError):
                asyncio.run(run_command(function, given, **found))

        _, *own = signature(function, eval_str=True).parameters.values()
        parameters = [*own, *options]
        run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app.command(name)(run)
        return function

    return register


async def run_command(
    function: Command,
    given: Mapping[str, Any],
    url: str,
    key_file: Path | None,
    output: Format = "table",
    fleet: str | None = None,
) -> None:
    """Run a command's coroutine. Raises UserError."""
    target = target_of(url, fleet, key_file)
    async with Client(target) as client:
        try:
            await function(Operator(client, target, output), **given)
        except (KeyError, TypeError, AttributeError) as error:
            what = f"{type(error).__name__}: {error}"
            raise UserError(f"the service's reply is not what its API promises, or a defect: {what}") from error
