"""Progress output of a replay, for terminals and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from slta_loadgen.drive import Look, Result, Watch
from slta_loadgen.latency import Percentiles
from slta_loadgen.replay import Replay
from slta_loadgen.run_report import Summary


class Progress(StrEnum):
    """Progress format."""

    LINE = "line"
    """One line, updated in place on a terminal."""
    JSON = "json"
    """JSON lines on standard output: `progress` twice a second, `result` at the end."""


@contextmanager
def watching(progress: Progress, console: Console) -> Iterator[Watch]:
    """Show a replay while it runs."""
    if progress is Progress.JSON:
        yield tell
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(look: Look) -> None:
            if console.is_terminal:
                live.update(Text(live_line(look.replay)), refresh=True)

        yield show


def tell(look: Look) -> None:
    """Print one progress line. Latencies are of the last ten seconds."""
    replay, recent = look.replay, look.replay.sessions.recent_ms()
    say(
        "progress",
        elapsed_seconds=replay.elapsed_seconds,
        is_arriving=replay.is_arriving,
        since=look.since,
        totals=look.totals,
        **{f"{name}_ms": {"p50": of.p50, "p99": of.p99} for name, of in recent._asdict().items()},
    )


def say(kind: str, **facts: object) -> None:
    """Print one JSON object as a line."""
    print(json.dumps({"kind": kind, **facts}, allow_nan=False), flush=True)  # noqa: T201 - who started us reads it


def live_line(replay: Replay) -> str:
    """State of a running replay within 100 columns. Latencies are of the last ten seconds."""
    tally, recent = replay.sessions.tally, replay.sessions.recent_ms()
    return (
        f"{replay.elapsed_seconds:.0f} s  {tally.arrivals} arrivals  {len(replay.sessions.live)} live  "
        f"{tally.rejections} rejected  {tally.errors} errors  "
        f"p50 {_ms(recent.assign.p50)} ({_ms(recent.lateness.p50)} late)  p99 {_ms(recent.assign.p99)} ms"
    )


def result_tables(result: Result) -> list[Table]:
    types = [_session_types(result.summary)] if result.summary.session_types else []
    return [_counts(result), *types, _latencies(result.summary), _outcomes(result.summary)]


def _counts(result: Result) -> Table:
    summary, agreement = result.summary, result.agreement
    table = _table("", "")
    table.add_row("window", f"{summary.window_seconds:.1f} s")
    table.add_row("arrivals", f"{summary.arrivals} ({summary.target_rate:.1f}/s)")
    table.add_row("answered", f"{summary.achieved_rate:.1f}/s")
    for name in ("placed", "rejections", "completions", "errors", "retries", "unsettled_sessions"):
        table.add_row(name.replace("_", " "), str(getattr(summary, name)))
    if agreement is None:
        table.add_row("not compared", result.not_compared)
        return table
    table.add_row("sessions per pool, recorded", f"{agreement.recorded_mean_sessions_per_pool:.4f}")
    table.add_row("sessions per pool, service", f"{agreement.served_mean_sessions_per_pool:.4f}")
    table.add_row("pools that differ", str(len(agreement.differing_pools)))
    return table


def _latencies(summary: Summary) -> Table:
    table = _table("ms", "p50", "p99", "p99.9", "max")
    for name in ("assign", "lateness", "service", "complete"):
        percentiles: Percentiles = getattr(summary, f"{name}_ms")
        values = (percentiles.p50, percentiles.p99, percentiles.p999, percentiles.max)
        table.add_row(name.replace("_", " "), *map(_ms, values))
    return table


def _outcomes(summary: Summary) -> Table:
    table = _table("call", "outcome", "count")
    for call, codes in summary.outcomes.items():
        for code, count in sorted(codes.items()):
            table.add_row(call, code, str(count))
    return table


def _session_types(summary: Summary) -> Table:
    table = _table("session type", "arrivals", "placed", "rejections", "errors")
    for name, results in sorted(summary.session_types.items()):
        table.add_row(name, str(sum(results.values())), *map(str, results.values()))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=None, show_header=bool(first))
    for column in others:
        table.add_column(column, justify="right")
    return table


def _ms(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds:.2f}"
