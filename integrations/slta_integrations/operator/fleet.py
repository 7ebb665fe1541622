"""Commands `slta fleet`: list, get, apply, state, watch, scale and events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from difflib import unified_diff
from itertools import count
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
import yaml
from rich.console import Console

from slta.cli.durations import DURATION, POSITIVE_DURATION
from slta.cli.output import Table
from slta.cli.target import checked_fleet
from slta.fleet_file import FleetFile, load_yaml, parse_document
from slta.models.request_record import Action
from slta_integrations.operator.calls import Operator, Yes, confirm
from slta_integrations.operator.registry import command

app = typer.Typer(help="Look at fleets, and configure them.", no_args_is_help=True, add_completion=False)
STATE = "FLEET POLICY SESSIONS CAPACITY UTILITY BOUND GAP RANK OPTIMAL SUSPECT"
OF_SERVICE = ("fleet", "config_version", "resolved_policy")
"""Members of a configuration that no fleet file sets."""
SCALE = "NAME WANTED NOW REPLICAS MIN MAX COST"
GO = "DO POOL CLASS SESSIONS EMPTY_IN"
CLASSES = "CLASS ACTIVE DRAINING FAILED UNCONFIRMED LOST GONE SESSIONS GUARD"


@command(app, "list", of_fleet=False)
async def list_fleets(operator: Operator) -> None:
    """List the fleets that the key may read."""
    found = await operator.entries("", "fleets")
    operator.show(found, ("FLEET", ([name] for name in found)))


@command(app)
async def get(operator: Operator) -> None:
    """Show the configuration; as JSON all of it, which `slta fleet apply` takes."""
    found = await operator.call("GET", "")
    classes = ((one["name"], one["capacity"], one["utility"]["kind"]) for one in found["classes"])
    fleet = [(found["fleet"], found["config_version"], found["policy"])]
    document = {name: value for name, value in found.items() if name != "config_version"}
    operator.show(document, ("FLEET VERSION POLICY", fleet), ("CLASS CAPACITY UTILITY", classes))


@command(app, of_fleet=False)
async def apply(
    operator: Operator,
    file: Annotated[Path, typer.Argument(help="Fleet file, YAML or JSON.", show_default=False)],
    fleet: Annotated[
        str | None, typer.Option(help="Name of the fleet.", show_default="that in the file", callback=checked_fleet)
    ] = None,
    *,
    yes: Yes = False,
) -> None:
    """Configure a fleet by a file, unless somebody changes it meanwhile. Shows the difference and asks first."""
    loaded = load_yaml(file)
    name = fleet or loaded.name
    now = await operator.find(name)
    if now == {}:
        typer.echo(f"the stored configuration of {name} is missing or unreadable: all of the file is new", err=True)
    version, change = await put(operator, name, now, loaded.file, yes=yes)
    operator.show(
        {"fleet": name, "config_version": version, "change": change},
        ("FLEET VERSION CHANGE", [(name, version, change)]),
    )


async def put(
    operator: Operator,
    path: str,
    now: Mapping[str, Any] | None,
    file: FleetFile,
    *,
    yes: bool,
    keeps_learned: bool = True,
) -> tuple[int | None, str]:
    """Configure the fleet at `path`, if it is as `now`, None for none; shows the difference and asks first.

    Its version, and what became of it. Learned curves are kept, or replaced too. Raises InvalidFleetError.
    """
    version = 0 if now is None else now.get("config_version")
    then = file.keep_learned(configured(now)) if now and keeps_learned and file.keeps_learned else file
    difference = "\n".join(_difference(_of_file(now or {}), json.loads(then.document())))
    if not difference:
        return version, "unchanged"
    typer.echo(difference, err=True)
    confirm(f"{'Create' if now is None else 'Change'} the fleet {now['fleet'] if now else path}?", yes=yes)
    members: dict[str, object] = {} if keeps_learned else {"learned_curves": "replace"}
    members |= {} if version is None else {"config_version": version}
    document = file.document()
    body = f"{document[:-1]}, {json.dumps(members)[1:]}" if members else document
    version = (await operator.call("PUT", path, body.encode()))["config_version"]
    return version, "created" if now is None else "changed"


@command(app)
async def state(operator: Operator) -> None:
    """Show the state: sessions, utility and its bound, and the pools of each class by status and liveness."""
    found = await operator.call("GET", "state")
    operator.show(found, *_tables(found))


@command(app)
async def watch(
    operator: Operator,
    every: Annotated[float, typer.Option(help="Time between two readings.", **POSITIVE_DURATION)] = 2.0,
    times: Annotated[int | None, typer.Option(min=1, help="Number of readings.", show_default="until Ctrl-C")] = None,
) -> None:
    """Show the state repeatedly; on a terminal in place."""
    for look in count(1):
        found = await operator.call("GET", "state")
        Console().clear()  # without effect where it is no terminal
        operator.show(found, *_tables(found))
        if look == times:
            return
        await asyncio.sleep(every)


@command(app)
async def scale(
    operator: Operator,
    floor: Annotated[str | None, typer.Option(help="What if: utility per session, or a share like 95%.")] = None,
    budget: Annotated[float | None, typer.Option(help="What if: cost of all pools, instead of a floor.")] = None,
    hold: Annotated[float | None, typer.Option(help="What if: time for the largest load.", **DURATION)] = None,
) -> None:
    """Advise how many pools of each class the fleet needs, and which to drain or remove.

    Exit code 1 while advice is withheld.
    """
    asked = {"floor": floor, "budget": budget, "hold_seconds": hold}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    found = await operator.call("GET", f"scale?{query}")
    rows = ([one[name] for name in SCALE.lower().split()] for one in found["classes"])
    typer.echo(found["sentence"], err=True)
    operator.show(found, (SCALE, rows), (GO, (pool for one in found["classes"] for pool in _going(one))))


def _going(one: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    for pool in one["drain"]:
        seconds = pool["empty_in_seconds"]
        yield "drain", pool["pool_id"], one["name"], pool["sessions"], seconds and f"{seconds / 60:.0f}m"
    yield from (("remove", pool_id, one["name"], 0, None) for pool_id in one["ready"])


@command(app)
async def events(
    operator: Operator,
    action: Annotated[
        Action | None, typer.Option(metavar="ACTION", help="Only of this action, such as drain_ended.")
    ] = None,
) -> None:
    """List the last hundred changes with their authors, newest first."""
    found = [one for one in await operator.entries("events", "events") if action in (None, one["action"])]
    operator.show(found, ("AT ACTION KEY SESSIONS POOLS", map(_event, found)))


def configured(now: Mapping[str, Any]) -> FleetFile:
    """The file of a configuration. Raises InvalidFleetError."""
    return parse_document(json.dumps(_of_file(now)))


def _of_file(now: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in now.items() if name not in OF_SERVICE}


def _difference(*configurations: Mapping[str, Any]) -> Iterator[str]:
    """Lines of a unified diff between two configurations."""
    texts = [
        yaml.safe_dump(one, default_flow_style=None, width=76).splitlines() if one else [] for one in configurations
    ]
    return unified_diff(texts[0], texts[1], "configured", "file", n=1, lineterm="")


def _tables(found: Mapping[str, Any]) -> Iterator[Table]:
    members = [found[name] for name in ("fleet", "policy")]
    gap = "-" if found["relative_gap"] is None else f"{found['relative_gap']:.2%}"
    utility = [f"{found[name]:.6g}" for name in ("utility", "utility_bound")]
    ranks = [found["estimate_rank"], found["optimal_rank"], "yes" if found["suspect"] else "no"]
    yield STATE, [[*members, found["sessions"]["active"], found["capacity"], *utility, gap, *ranks]]
    yield CLASSES, map(_class, found["classes"])


def _class(one: Mapping[str, Any]) -> Sequence[object]:
    pools = (one["pools"][name] for name in ("active", "draining", "failed", "unconfirmed", "lost", "gone"))
    return [one["name"], *pools, sum(one["sessions"].values()), one["guard"]]


def _event(one: Mapping[str, Any]) -> Sequence[object]:
    at = datetime.fromtimestamp(one["at"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    action = one["action"] if one["outcome"] == "done" else f"{one['action']}:{one['outcome']}"
    return [at, action, one["key_id"], one["sessions"], " ".join(_pools(one))]


def _pools(one: Mapping[str, Any]) -> Iterator[str]:
    """The status that the pools of an event got, how many they are, and their ids, or their class."""
    ids = [one["pool_id"]] if one["pool_id"] else one["pool_ids"]
    named = one["after"] or one["before"] or {}
    if one["outcome"] == "done" and one["after"] and named["status"]:
        yield named["status"]
    if one["pools"] and not one["pool_id"]:
        yield f"{one['pools']}:" if ids else str(one["pools"])
    yield from ids or ([f"of {named['pool_class']}"] if named.get("pool_class") else [])
