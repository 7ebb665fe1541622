"""Command line of `slta follow`."""

from __future__ import annotations

import asyncio
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from slta.cli.durations import DURATION
from slta.cli.error_messages import UserError, in_one_line
from slta.cli.target import DEFAULT_URL, BaseUrl, FleetName, KeyFile, Target, target_of
from slta.parsing.fields import MAX_LEASE_SECONDS, MIN_LEASE_SECONDS
from slta_integrations.client import Client
from slta_integrations.follow.datagrams import ListenAddress, parse_listen
from slta_integrations.follow.follower import Follower
from slta_integrations.follow.live import LiveSessions
from slta_integrations.follow.log_tail import LogTail
from slta_integrations.follow.metrics import GAPS, Metrics
from slta_integrations.follow.position import Position, PositionFile
from slta_integrations.follow.sender import Sender
from slta_integrations.follow.source import DatagramSource, Source
from slta_integrations.metric_registry import MetricsHost, MetricsPort, serve_metrics
from slta_integrations.notices import Notices, configure_logging
from slta_integrations.signals import until_signalled

MAX_BACKLOG_BYTES = 1 << 30
SPOOL = "spool.log"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class FollowOptions(NamedTuple):
    """Validated options: `file` or `listen` is the source."""

    target: Target
    file: Path | None
    listen: ListenAddress | None
    state_dir: Path
    lease_seconds: float | None
    max_backlog: int


@app.command()
def command(  # noqa: PLR0913 - one argument an option
    fleet: FleetName,
    state_dir: Annotated[
        Path, typer.Option(help="Directory for the position, live sessions and the spool; one for each log.")
    ],
    url: BaseUrl = DEFAULT_URL,
    key_file: KeyFile = None,
    file: Annotated[Path | None, typer.Option(help="Log that the proxy writes; may be rotated.")] = None,
    listen: Annotated[str | None, typer.Option(help="Receive datagrams: udp://ADDRESS:PORT or unix:///PATH.")] = None,
    lease: Annotated[
        float | None,
        typer.Option(
            help="Lease of sessions that the proxy placed; 0: none.", show_default="15m, or the fleet's", **DURATION
        ),
    ] = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    max_backlog: Annotated[
        int, typer.Option(min=1, help="Bytes of lines kept while slta does not answer.")
    ] = MAX_BACKLOG_BYTES,
) -> None:
    """Complete and report sessions from the lines that a proxy writes: see docs/follow.md."""
    configure_logging()
    with in_one_line():
        if (file is None) == (listen is None):
            raise UserError("give one of --file and --listen")
        if lease and not MIN_LEASE_SECONDS <= lease <= MAX_LEASE_SECONDS:
            raise UserError(f"--lease: must be 0, for none, or {MIN_LEASE_SECONDS} to {MAX_LEASE_SECONDS:,} seconds")
        options = FollowOptions(
            target_of(url, fleet, key_file),
            file.absolute() if file else None,
            parse_listen(listen) if listen else None,
            state_dir,
            lease,
            max_backlog,
        )
        metrics = Metrics()
        serve_metrics(metrics.registry, metrics_host, metrics_port)
        asyncio.run(until_signalled(partial(follow, options, metrics)))


async def follow(options: FollowOptions, metrics: Metrics, stopping: asyncio.Event) -> None:
    """Follow until stopped. Raises UserError or OSError at the start."""
    notices = Notices("follow")
    with closing(PositionFile(options.state_dir, str(options.file or SPOOL))) as position_file:
        live = LiveSessions(options.state_dir / "live.log")
        metrics.live_sessions.labels(options.target.fleet).set_function(lambda: live.count)
        with closing(open_source(options, position_file.load(), metrics, notices)) as source:
            async with Client(options.target) as client:
                sender = Sender(client, live, metrics, notices, lease_seconds=options.lease_seconds, stopping=stopping)
                await Follower(source, sender, position_file, metrics, notices).run()


def open_source(options: FollowOptions, position: Position | None, metrics: Metrics, notices: Notices) -> Source:
    """Open the log or bind the socket."""

    def on_dropped(reason: str, count: int, cause: str) -> None:
        metrics.dropped_lines.labels(reason).inc(count)
        notices.say(f"dropped {reason}", f"{count} lines dropped: {cause}")

    def on_gap(reason: str) -> None:
        metrics.gaps.labels(reason).inc()
        notices.say(reason, GAPS[reason])

    if options.listen:
        return DatagramSource(options.listen, options.state_dir / SPOOL, position, options.max_backlog, on_dropped)
    if options.file is None or (options.file.exists() and not options.file.is_file()):
        raise UserError(f"--file: {options.file} is not a regular file")
    return Source(LogTail(options.file, position, max_backlog=options.max_backlog, on_gap=on_gap))
