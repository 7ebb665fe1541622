"""Command line of the load generator: `run` and `replay`."""
# ruff: noqa: FBT002, PLR0913 - one argument per option; some are flags

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
import uvloop
from rich.console import Console

from slta.cli.error_messages import NO, UserError, in_one_line
from slta.cli.options import JsonFile
from slta.cli.streams import STANDARD, write_json
from slta.cli.target import DEFAULT_URL, BaseUrl, KeyFile, OptionalFleetName, Target, target_of
from slta_loadgen import options
from slta_loadgen.bulk import BulkClient
from slta_loadgen.client import Client, ServiceError, fleets_of
from slta_loadgen.drive import Result, drive
from slta_loadgen.holding import HoldingKind, InvalidHoldingError, holding_of_kind
from slta_loadgen.plan import InvalidPlanError, Plan
from slta_loadgen.profile import InvalidProfileError
from slta_loadgen.replay import Drain, ReplaySettings, new_id_prefix
from slta_loadgen.show import Progress, result_tables, say, watching
from slta_loadgen.trace import InvalidTraceError, measure_trace, read_trace
from slta_loadgen.type_mix import DEFAULT_TYPE, InvalidMixError, mix_of, refuse_unknown
from slta_loadgen.workload import PlannedSession

app = typer.Typer(help="Open-loop load from outside, over HTTP.", no_args_is_help=True, add_completion=False)


@dataclass(frozen=True, slots=True)
class _Order:
    """Parsed options: target and workload. `workload` yields sessions of `types` for a number of active pools."""

    target: Target
    workload: Callable[[int], Iterator[PlannedSession]]
    settings: ReplaySettings
    described: Mapping[str, Any]
    progress: Progress
    types: Sequence[str] = ()
    bulk: int | None = None

    async def client(self) -> Client:
        """HTTP client of the fleet, or of the service's only one: single or bulk calls."""
        headers = self.target.headers()
        fleet = self.target.fleet or _only(await fleets_of(self.target.url, headers))
        if self.bulk is None:
            return Client(self.target.url, fleet, headers=headers)
        return BulkClient(self.target.url, fleet, headers=headers, most_operations=self.bulk)


def _only(fleets: Sequence[str]) -> str:
    if len(fleets) != 1:
        raise UserError(f"--fleet: the service has {len(fleets)} fleets; name one: {', '.join(fleets[:5])}")
    return fleets[0]


INVALID = (InvalidHoldingError, InvalidMixError, InvalidPlanError, InvalidProfileError, InvalidTraceError)


@app.command()
@in_one_line(ServiceError, *INVALID)
def run(
    url: BaseUrl = DEFAULT_URL,
    fleet: OptionalFleetName = None,
    key_file: KeyFile = None,
    load_per_pool: options.LoadPerPool = None,
    rate: options.Rate = None,
    profile: options.Profile = None,
    mean_holding: options.MeanHolding = 10.0,
    holding: options.Kind = HoldingKind.EXPONENTIAL,
    cv: options.Cv = None,
    shape: options.Shape = None,
    session_types: options.Types = None,
    swing_types: options.Swing = None,
    duration: options.Duration = None,
    warm_up: options.WarmUp = 0.0,
    endless: options.Endless = False,
    seed: options.Seed = 1,
    seeded_ids: options.SeededIds = False,
    lease: options.Lease = None,
    bulk: options.Bulk = None,
    drain: options.Ending = Drain.NOW,
    progress: options.Telling = Progress.LINE,
    json: JsonFile = None,
    check: options.Check = False,
) -> None:
    """Generate Poisson arrivals, constant or by a profile, with holding times of a given mean."""
    plan = Plan(
        holding=holding_of_kind(holding, mean_holding, cv=cv, shape=shape),
        load_per_pool=load_per_pool,
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
    order = _Order(target_of(url, fleet, key_file), plan.workload, settings, described, progress, plan.types, bulk)
    _execute(order, json, check=check)


def _settings(plan: Plan, *, seeded_ids: bool, **options: Any) -> ReplaySettings:  # noqa: ANN401
    prefix = f"lg{plan.seed}" if seeded_ids else new_id_prefix(plan.seed)
    return ReplaySettings(
        duration_seconds=plan.total_seconds, warm_up_seconds=plan.warm_up_seconds, id_prefix=prefix, **options
    )


@app.command()
@in_one_line(ServiceError, *INVALID)
def replay(
    trace: options.Trace,
    speed: options.Speed = 1.0,
    url: BaseUrl = DEFAULT_URL,
    fleet: OptionalFleetName = None,
    key_file: KeyFile = None,
    lease: options.Lease = None,
    warm_up: options.WarmUp = 0.0,
    drain: options.Ending = Drain.SCHEDULE,
    progress: options.Telling = Progress.LINE,
    json: JsonFile = None,
    check: options.Check = False,
) -> None:
    """Replay the sessions of a trace at their recorded times."""
    length = measure_trace(trace, speed=speed)
    settings = ReplaySettings(warm_up_seconds=warm_up, drain=drain, lease_seconds=lease)
    described = {"trace": trace.name, "speed": speed, **asdict(length)}
    types = length.session_types
    order = _Order(
        target_of(url, fleet, key_file), lambda _: read_trace(trace, speed=speed), settings, described, progress, types
    )
    _execute(order, json, check=check)


def _execute(order: _Order, file: Path | None, *, check: bool) -> None:
    try:
        result = uvloop.run(_play(order, Console(stderr=True)))
    except asyncio.CancelledError as error:
        raise typer.Exit(130) from error
    _deliver({"workload": order.described, **result.to_dict()}, result, order.progress, file)
    if check and not result.is_clean:
        raise typer.Exit(NO)


async def _play(order: _Order, console: Console) -> Result:
    async with await order.client() as client:
        state = await client.state()
        refuse_unknown(order.types, [one["name"] for one in state["session_types"]] or [DEFAULT_TYPE])
        sessions = order.workload(state["pools"]["active"])
        with watching(order.progress, console) as watch:
            return await drive(client, sessions, order.settings, watch)


def _deliver(document: Mapping[str, Any], result: Result, progress: Progress, file: Path | None) -> None:
    if file:
        write_json(document, file)
    if progress is Progress.JSON:
        say("result", **document)
    elif file != STANDARD:
        for table in result_tables(result):
            Console().print(table, "")
