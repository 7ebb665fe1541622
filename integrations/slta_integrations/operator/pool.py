"""Commands `slta pool`: list, get, drain, undrain, fail, add, remove and end-guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

import typer

from slta.cli.durations import DURATION
from slta.cli.error_messages import UserError
from slta.models import AfterDrain, Status
from slta.models.pools import Liveness
from slta_integrations.operator.calls import Operator, Yes, confirm
from slta_integrations.operator.drains import until_empty
from slta_integrations.operator.registry import command

app = typer.Typer(help="Look at pools, drain, return and fail them.", no_args_is_help=True, add_completion=False)
PoolId = Annotated[str, typer.Argument(metavar="POOL", help="Id of the pool.", show_default=False)]
PoolIds = Annotated[list[str], typer.Argument(metavar="POOL", help="Ids of pools.", show_default=False)]
SomePools = Annotated[
    list[str] | None, typer.Argument(metavar="POOL", help="Ids of pools; or give --class.", show_default=False)
]
PoolClass = Annotated[str | None, typer.Option("--class", help="Pool class.")]
SHOWN = 5
"""Maximum of pools that a question names."""
HEADER = "POOL CLASS STATUS LIVENESS SESSIONS DRAIN ADDRESS"


def _row(pool: Mapping[str, Any]) -> Sequence[object]:
    drain = pool["drain"] and f"{pool['drain']['deadline_seconds']:.0f}s,{pool['drain']['then']}"
    members = (pool[name] for name in ("pool_id", "pool_class", "status", "liveness", "occupancy"))
    return [*members, drain, pool["address"]]


def _changes(**ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((pool_id, what) for what, found in ids.items() for pool_id in found)


@command(app, "list")
async def list_pools(
    operator: Operator,
    status: Annotated[Status | None, typer.Option(help="Status, which operators set.")] = None,
    liveness: Annotated[Liveness | None, typer.Option(help="Liveness, which follows from heartbeats.")] = None,
    pool_class: PoolClass = None,
) -> None:
    """List the pools, with filters those that match all."""
    found = await operator.pools(status=status, liveness=liveness, pool_class=pool_class)
    operator.show(found, (HEADER, map(_row, found)))


@command(app)
async def get(operator: Operator, pool_id: PoolId) -> None:
    """Show a pool. Exit code 1 for one that does not exist."""
    found = await operator.call("GET", _path(pool_id))
    operator.show(found, (HEADER, [_row(found)]))


@command(app)
async def drain(
    operator: Operator,
    pools: SomePools = None,
    pool_class: PoolClass = None,
    within: Annotated[float | None, typer.Option(help="Deadline from now, such as 10m.", **DURATION)] = None,
    then: Annotated[AfterDrain | None, typer.Option(help="At the deadline: list what is left, or fail.")] = None,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the pools are empty, or their deadline.")] = False,
    yes: Yes = False,
) -> None:
    """Send no new sessions to pools; their sessions stay. The new deadline, or none, replaces an earlier one.

    Asks before it drains more than one. With --wait exit code 1 if sessions are left at the deadline.
    """
    changed = await _set_status(operator, "draining", pools, pool_class, yes=yes, within_seconds=within, then=then)
    if wait:
        await until_empty(operator, changed, pool_class)


@command(app)
async def undrain(
    operator: Operator, pools: SomePools = None, pool_class: PoolClass = None, *, yes: Yes = False
) -> None:
    """Send sessions to pools again, with --class except failed ones. Asks before it changes more than one."""
    await _set_status(operator, "active", pools, pool_class, yes=yes)


@command(app)
async def fail(operator: Operator, pools: PoolIds, *, yes: Yes = False) -> None:
    """Fail pools and end their sessions; asks first."""
    more = f" and {len(pools) - SHOWN} more" if len(pools) > SHOWN else ""
    confirm(f"Fail {', '.join(pools[:SHOWN])}{more}, and end all sessions there?", yes=yes)

    def show(found: dict[str, Any]) -> None:
        rows = ((pool_id, pool["status"], len(pool["ended_session_ids"])) for pool_id, pool in found.items())
        operator.show([*found.values()], ("POOL STATUS ENDED", rows))

    await _call_each(operator, "POST", pools, "/fail", show)


@command(app)
async def add(
    operator: Operator,
    pools: PoolIds,
    pool_class: Annotated[str, typer.Option("--class", help="Pool class.", show_default=False)],
    address: Annotated[str | None, typer.Option(help="Address, of a single pool.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="Label NAME=VALUE, repeatable.")] = None,
) -> None:
    """Add pools, all or none. Existing pools get the address and labels that are given."""
    if address and len(pools) > 1:
        raise UserError("--address is for a single pool")
    labels = dict(map(_label, label or ()))
    given = {"pool_class": pool_class, "address": address, "labels": labels or None}
    shared = {name: value for name, value in given.items() if value is not None}
    found = await operator.call("POST", "pools", {"pools": [{"pool_id": pool_id, **shared} for pool_id in pools]})
    operator.show(found, ("POOL CHANGE", _changes(**found)))


@command(app)
async def remove(operator: Operator, pools: PoolIds) -> None:
    """Remove empty pools, one after the other. Exit code 1 at the first that has sessions."""

    def show(found: dict[str, Any]) -> None:
        operator.show({"removed": [*found]}, ("POOL CHANGE", _changes(removed=[*found])))

    await _call_each(operator, "DELETE", pools, "", show)


@command(app)
async def end_guard(operator: Operator, pool_class: PoolClass = None, *, yes: Yes = False) -> None:
    """End the mass-loss guard of a class, or of all: unconfirmed pools are lost, and gone later. Asks first."""
    confirm(f"End the guard of {pool_class or 'all classes'}, whose unconfirmed pools are then lost?", yes=yes)
    given = {"pool_class": pool_class} if pool_class else {}
    found = await operator.call("POST", "pools/guard", {"action": "end", **given})
    operator.show(found, ("CLASS GUARD", _changes(ended=found["ended"])))


async def _call_each(
    operator: Operator, method: str, pools: Sequence[str], action: str, show: Callable[[dict[str, Any]], None]
) -> None:
    """Call for pools one after the other; the replies by pool are shown, after a failure those before it."""
    found: dict[str, Any] = {}
    try:
        for pool_id in dict.fromkeys(pools):
            found[pool_id] = await operator.call(method, f"{_path(pool_id)}{action}")
    finally:
        if found:
            show(found)


async def _set_status(
    operator: Operator,
    status: str,
    pools: Sequence[str] | None,
    pool_class: str | None,
    *,
    yes: bool,
    **options: object,
) -> list[str]:
    """The pools that have the status now; asks before more than one gets it, and shows those that changed."""
    if bool(pools) == bool(pool_class):
        raise UserError("give either pools or --class")
    if not yes and (number := await _number(operator, status, pools, pool_class)) > 1:
        confirm(f"Set {number} pools to {status}?", yes=yes)
    given = {"status": status, "pool_ids": pools or None, "pool_class": pool_class, **options}
    body = {name: value for name, value in given.items() if value is not None}
    found = await operator.call("POST", "pools/status", body)
    operator.show(found, ("POOL CHANGE", _changes(changed=found["changed"])))
    typer.echo(f"{len(found['changed'])} changed, {len(found['unchanged'])} unchanged", err=True)
    return [*found["changed"], *found["unchanged"]]


async def _number(operator: Operator, status: str, pools: Sequence[str] | None, pool_class: str | None) -> int:
    """How many pools are named; of a class how many would change, to another deadline too."""
    if pools:
        return len({*pools})
    stay = {"failed", status} - {"draining"}
    return sum(pool["status"] not in stay for pool in await operator.pools(pool_class=pool_class))


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--label {text}: must be NAME=VALUE")
    return name, value


def _path(pool_id: str) -> str:
    return f"pools/{quote(pool_id, safe='')}"
