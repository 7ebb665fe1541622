"""Command line of `slta agent`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from slta.cli.error_messages import NO, in_one_line
from slta.cli.target import target_of
from slta_integrations.agent.agent import Agent, timeout_seconds
from slta_integrations.agent.config import AgentFile, load
from slta_integrations.agent.metrics import Metrics
from slta_integrations.client import Client
from slta_integrations.metric_registry import serve_metrics
from slta_integrations.notices import Notices, configure_logging
from slta_integrations.signals import on_stop

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(
    config: Annotated[Path, typer.Option(help="Configuration file, in YAML.", show_default=False)],
    check: Annotated[bool, typer.Option("--check", help="Validate the file and exit.")] = False,  # noqa: FBT002
) -> None:
    """Keep this host's pools in slta: see docs/agent.md.

    SIGTERM or SIGINT drains the pools, and removes each when it is empty; a second signal ends the wait. Exit code 1:
    pools are left.
    """
    configure_logging()
    with in_one_line():
        file = load(config)
        if file.present_file:  # a mistake is found now
            file.present_file.touch()
            file.present_file.unlink()
        left = [] if check else asyncio.run(serve(file))
    if left:
        raise typer.Exit(NO)


async def serve(file: AgentFile) -> list[str]:
    """Run until SIGTERM or SIGINT and the end of the drain; the pools that are left. UserError or OSError."""
    metrics, notices = Metrics([pool.pool_id for pool in file.pools]), Notices("agent")
    target = target_of(file.url, file.fleet, file.key_file)
    serve_metrics(metrics.registry, file.metrics_host, file.metrics_port, "metrics_port")
    async with Client(target, timeout_seconds(file.ttl_seconds)) as client:
        agent = Agent(file, client, metrics, notices)
        running = asyncio.ensure_future(agent.run())
        on_stop(lambda: running.cancel() if agent.leaving.is_set() else agent.leaving.set())
        with suppress(asyncio.CancelledError):
            await running
    notices.tell(f"Ended, pools left: {', '.join(agent.left) or 'none'}")
    return agent.left
