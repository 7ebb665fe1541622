"""Command line of the load generator: `run` and `replay`."""
# ruff: noqa: FBT002, PLR0913 - one argument per option; some are flags

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console

from slta_loadgen.bulk import BulkClient
from slta_loadgen.client import Client, ServiceError
from slta_loadgen.drive import Result, drive
from slta_loadgen.holding import HoldingKind, InvalidHoldingError, holding_of_kind
from slta_loadgen.plan import InvalidPlanError, Plan
from slta_loadgen.profile import InvalidProfileError
from slta_loadgen.replay import Drain, ReplaySettings, new_id_prefix
from slta_loadgen.show import Progress, result_tables, say, watching
from slta_loadgen.trace import InvalidTraceError, measure_trace, read_trace
from slta_loadgen.type_mix import DEFAULT_TYPE, InvalidMixError, mix_of, refuse_unknown
from slta_loadgen.workload import PlannedSession


def _segment(fleet: str) -> str:
    """A URL loses the segments `.` and `..`, so the calls would go elsewhere."""
    if fleet in (".", ".."):
        raise typer.BadParameter("a fleet cannot be called . or ..")
    return fleet


def _trace_file(context: typer.Context, path: Path) -> Path:
    """Copy standard input, which is named `-`, to a file: a replay reads the trace more than once."""
    if path != Path("-"):
        if path.is_dir() or not path.exists():
            raise typer.BadParameter(f"file '{path}' {'is a directory' if path.is_dir() else 'does not exist'}.")
        return path
    copy = Path(context.with_resource(TemporaryDirectory())) / "standard-input.csv"
    copy.write_bytes(sys.stdin.buffer.read())
    return copy


Url = Annotated[str, typer.Option(help="Base URL of the service.")]
Fleet = Annotated[str, typer.Option(help="Name of the fleet.", callback=_segment)]
Load = Annotated[float | None, typer.Option(min=0, help="Sessions per active pool.")]
Rate = Annotated[float | None, typer.Option(min=0, help="Arrivals per second.")]
Profile = Annotated[
    str | None,
    typer.Option(
        help="Load profile: steps 5@30,10@30, ramps 5..12@20, or day; multiplies --load or --rate.",
        show_default="load 1",
    ),
]
MeanHolding = Annotated[float, typer.Option(help="Mean holding time in seconds.")]
Kind = Annotated[HoldingKind, typer.Option(help="Distribution of holding times.")]
Cv = Annotated[
    float | None, typer.Option(help="Coefficient of variation: lognormal (default 1) or hyperexponential (default 2).")
]
Shape = Annotated[float | None, typer.Option(help="Shape of Pareto holding times, above 1 (default 2.5).")]
Types = Annotated[
    list[str] | None,
    typer.Option("--session-types", help="Mix of session types by shares: video=0.2,chat=0.8, or one option each."),
]
Swing = Annotated[
    str | None,
    typer.Option(
        "--swing-types", help="0.5@120: shares swing by ±50 % with a period of 120 s, types one after another."
    ),
]
Duration = Annotated[float | None, typer.Option(min=0, help="Duration in seconds; default: the profile's, or 60.")]
WarmUp = Annotated[float, typer.Option(min=0, help="Warm-up in seconds, excluded from the report.")]
Endless = Annotated[bool, typer.Option("--endless", help="Repeat the profile until interrupted.")]
Seed = Annotated[int, typer.Option(help="Seed of arrivals and holding times.")]
SeededIds = Annotated[bool, typer.Option("--seeded-ids", help="Derive session ids from the seed.")]
Trace = Annotated[
    Path,
    typer.Argument(
        callback=_trace_file,
        help="CSV file with the columns start_s,duration_s, optionally session_type (-: standard input).",
    ),
]
Speed = Annotated[float, typer.Option(min=1e-6, help="Replay speed; 10 plays an hour in six minutes.")]
Bulk = Annotated[
    int | None,
    typer.Option(min=1, max=1000, help="Batch operations that are due together, at most this many per call."),
]
Lease = Annotated[float | None, typer.Option(min=0, help="Session lease in seconds; default: the fleet's.")]
Ending = Annotated[Drain, typer.Option(help="What to do with live sessions after the last arrival.")]
ApiKey = Annotated[str | None, typer.Option(envvar="SLTA_API_KEY", help="API key, sent as a bearer token.")]
Telling = Annotated[
    Progress, typer.Option("--progress", help="Output format; json: one object per line, the report last.")
]
Report = Annotated[Path | None, typer.Option("--json", help="Write the report to this file (-: standard output).")]
Check = Annotated[bool, typer.Option("--check", help="Exit with 1 on errors or if the service's figures differ.")]

app = typer.Typer(help="Open-loop load from outside, over HTTP.", no_args_is_help=True, add_completion=False)


@dataclass(frozen=True, slots=True)
class _Order:
    """Parsed options: target and workload. `workload` yields sessions of `types` for a number of active pools."""

    url: str
    fleet: str
    api_key: str | None
    workload: Callable[[int], Iterator[PlannedSession]]
    settings: ReplaySettings
    described: Mapping[str, Any]
    progress: Progress
    types: Sequence[str] = ()
    bulk: int | None = None

    def client(self) -> Client:
        """HTTP client: single or bulk calls."""
        if self.bulk is None:
            return Client(self.url, self.fleet, api_key=self.api_key)
        return BulkClient(self.url, self.fleet, api_key=self.api_key, most_operations=self.bulk)


@contextmanager
def _options_checked() -> Iterator[None]:
    """Turn invalid option values into usage errors."""
    try:
        yield
    except InvalidProfileError as error:
        raise typer.BadParameter(str(error), param_hint="--profile") from error
    except (InvalidHoldingError, InvalidMixError, InvalidPlanError, InvalidTraceError) as error:
        raise typer.BadParameter(str(error)) from error


@app.command()
@_options_checked()
def run(
    url: Url = "http://127.0.0.1:8080",
    fleet: Fleet = "default",
    load: Load = None,
    rate: Rate = None,
    profile: Profile = None,
    mean_holding: MeanHolding = 10.0,
    holding: Kind = HoldingKind.EXPONENTIAL,
    cv: Cv = None,
    shape: Shape = None,
    session_types: Types = None,
    swing_types: Swing = None,
    duration: Duration = None,
    warm_up: WarmUp = 0.0,
    endless: Endless = False,
    seed: Seed = 1,
    seeded_ids: SeededIds = False,
    lease: Lease = None,
    bulk: Bulk = None,
    drain: Ending = Drain.NOW,
    progress: Telling = Progress.LINE,
    report: Report = None,
    check: Check = False,
    api_key: ApiKey = None,
) -> None:
    """Generate Poisson arrivals, constant or by a profile, with holding times of a given mean."""
    plan = Plan(
        holding=holding_of_kind(holding, mean_holding, cv=cv, shape=shape),
        load=load,
        rate=rate,
        profile=profile,
        duration_seconds=duration,
        warm_up_seconds=warm_up,
        endless=endless,
        seed=seed,
        session_types=mix_of(session_types, swing_types),
    )
    settings = _settings(plan, seeded_ids=seeded_ids, drain=drain, lease_seconds=lease)
    described = {"holding_kind": holding, "bulk": bulk, **asdict(plan)}
    order = _Order(url, fleet, api_key, plan.workload, settings, described, progress, plan.types, bulk)
    _execute(order, report, check=check)


def _settings(plan: Plan, *, seeded_ids: bool, **options: Any) -> ReplaySettings:  # noqa: ANN401
    prefix = f"lg{plan.seed}" if seeded_ids else new_id_prefix(plan.seed)
    return ReplaySettings(
        duration_seconds=plan.total_seconds, warm_up_seconds=plan.warm_up_seconds, id_prefix=prefix, **options
    )


@app.command()
@_options_checked()
def replay(
    trace: Trace,
    speed: Speed = 1.0,
    url: Url = "http://127.0.0.1:8080",
    fleet: Fleet = "default",
    lease: Lease = None,
    warm_up: WarmUp = 0.0,
    drain: Ending = Drain.SCHEDULE,
    progress: Telling = Progress.LINE,
    report: Report = None,
    check: Check = False,
    api_key: ApiKey = None,
) -> None:
    """Replay the sessions of a trace at their recorded times."""
    length = measure_trace(trace, speed=speed)
    settings = ReplaySettings(warm_up_seconds=warm_up, drain=drain, lease_seconds=lease)
    described = {"trace": trace.name, "speed": speed, **asdict(length)}
    types = length.session_types
    order = _Order(url, fleet, api_key, lambda _: read_trace(trace, speed=speed), settings, described, progress, types)
    _execute(order, report, check=check)


def _execute(order: _Order, report: Path | None, *, check: bool) -> None:
    console = Console(stderr=True)
    try:
        result = uvloop.run(_play(order, console))
    except ServiceError as error:
        console.print(f"{order.url}: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    except asyncio.CancelledError as error:
        raise typer.Exit(130) from error
    _deliver({"workload": order.described, **result.to_dict()}, result, order.progress, report)
    if check and not result.is_clean:
        raise typer.Exit(1)


async def _play(order: _Order, console: Console) -> Result:
    async with order.client() as client:
        state = await client.state()
        refuse_unknown(order.types, [one["name"] for one in state["session_types"]] or [DEFAULT_TYPE])
        sessions = order.workload(state["pools"]["active"])
        with watching(order.progress, console) as watch:
            return await drive(client, sessions, order.settings, watch)


def _deliver(document: Mapping[str, Any], result: Result, progress: Progress, report: Path | None) -> None:
    text = json.dumps(document, indent=2, allow_nan=False)
    prints_report = report == Path("-")
    if report and not prints_report:
        report.write_text(text + "\n", encoding="utf-8")
    if progress is Progress.JSON:
        say("result", **document)
    elif prints_report:
        typer.echo(text)
    else:
        for table in result_tables(result):
            Console().print(table, "")
