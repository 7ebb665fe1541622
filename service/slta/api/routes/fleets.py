"""Fleet endpoints: configuration with optimistic locking by version, change events, repair."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from starlette.responses import Response

from slta.api.http.api_route import ApiRoute, ByName, ByNumber, TheAuthor, ThePrincipal, TheSpecs, TheStore
from slta.api.http.route_options import FLEET_BODY, FLEET_PARTS, allow
from slta.api.schemas import Events, FleetBody, FleetName, FleetNames, RepairBody, json_response
from slta.audit import repair_fleet
from slta.core.limits import MAX_CLASSES
from slta.fleet_file.applying import apply_fleet
from slta.models import Repaired, errors
from slta.store import Store

router = APIRouter(prefix="/v1/fleets", tags=["fleets"], route_class=ApiRoute)

_ETAG = re.compile(r'(?:W/)?"(?:([0-9]{1,15})|[^"]*)"')
"""The group is a version, None in an ETag that no fleet has."""
REFUSES_PUT = (
    errors.InvalidPreconditionError,
    errors.VersionMismatchError,
    errors.CapacityBelowOccupancyError,
    errors.ClassInUseError,
    errors.SessionTypeInUseError,
    errors.PoolInOtherClassError,
    errors.PoolLimitError,
)
ETAG = {"ETag": {"description": "version of the configuration, for If-Match", "schema": {"type": "string"}}}
FLEET: dict[str, Any] = {"model": FleetBody, "headers": ETAG}
ABSENT = 0
"""Version of a fleet that does not exist."""


async def _expected(
    fleet: FleetName,
    store: TheStore,
    if_match: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> int | None:
    """The version that must be the current one; None for any. VersionMismatchError, InvalidPreconditionError."""
    if if_none_match is not None:
        if if_none_match.strip() != "*":
            raise errors.InvalidPreconditionError
        return ABSENT
    if if_match is None or if_match.strip() == "*":
        return None if if_match is None else await _current_version(store, fleet)
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise errors.InvalidPreconditionError
    if match[1] is None:
        raise errors.VersionMismatchError
    return int(match[1])


TheExpectedVersion = Annotated[int | None, Depends(_expected)]


async def _current_version(store: Store, fleet: str) -> int:
    try:
        return (await store.fleets.config(fleet))[1]
    except errors.UnknownFleetError:
        raise errors.VersionMismatchError from None


@router.get("", responses={200: {"model": FleetNames}})
@allow({"read", "pool", "metrics"})
async def list_fleets(paging: ByName, principal: ThePrincipal, store: TheStore) -> Response:
    """List the fleets that the key may read.

    Their names, sorted and paginated.
    """
    names, following = paging.cut({name: name for name in await store.fleets.names() if principal.sees(name)})
    return json_response(FleetNames(fleets=names, next_cursor=following))


@router.put("/{fleet}", responses={200: FLEET, 201: FLEET})
@allow(
    {"admin"},
    body_bytes=FLEET_BODY,
    body_parts=FLEET_PARTS,
    body_members=MAX_CLASSES,
    invalid=errors.InvalidFleetError,
    refuses=REFUSES_PUT,
)
async def put_fleet(
    fleet: FleetName,
    body: FleetBody,
    expected: TheExpectedVersion,
    store: TheStore,
    specs: TheSpecs,
    author: TheAuthor,
) -> Response:
    """Create a fleet or change its configuration.

    201 for a new fleet, 200 for a change; live sessions stay. Creates the missing pools of `pools: N`. With
    `If-Match`, or `config_version` in the body, 412 `version_mismatch` if somebody else has changed the fleet.
    """
    if body.fleet not in (None, fleet):
        raise errors.InvalidFleetError("fleet: must be the name in the path, or absent")
    if body.config_version is not None:
        if expected not in (None, body.config_version):
            raise errors.VersionMismatchError("If-Match and config_version must be equal.")
        expected = body.config_version
    applied = await apply_fleet(store, specs, fleet, body, expected, author)
    version, created = applied.configured.config_version, applied.configured.created
    return _fleet(fleet, applied.document, version, 201 if created else 200)


@router.get("/{fleet}", responses={200: FLEET})
@allow({"read", "pool"})
async def get_fleet(fleet: FleetName, store: TheStore, specs: TheSpecs) -> Response:
    """Get the configuration of a fleet.

    In the format of PUT, with the version as `config_version` and as ETag.
    """
    document, version = await store.fleets.config(fleet)
    if not document:
        raise errors.DocumentUnreadableError
    await specs.of_stored(document)
    return _fleet(fleet, document, version, 200)


@router.get("/{fleet}/events", responses={200: {"model": Events}})
@allow({"read", "pool"})
async def list_events(fleet: FleetName, paging: ByNumber, store: TheStore) -> Response:
    """List the last hundred changes of a fleet and its pools.

    With their authors, newest first, paginated: those that were applied, and those that the store rejected.
    Changes without effect, sessions and reports of pools are not listed.
    """
    # A change between two pages moves the others back: the next page repeats one, and leaves out none.
    numbered = enumerate(await store.fleets.events(fleet))
    events, following = paging.cut({f"{at:03d}": event for at, event in numbered})
    return json_response(Events(events=events, next_cursor=following))


@router.post("/{fleet}/repair", responses={200: {"model": Repaired}})
@allow({"admin"}, refuses=(errors.WouldSetAsideError, errors.VersionMismatchError))
async def repair(fleet: FleetName, body: RepairBody, store: TheStore, specs: TheSpecs, author: TheAuthor) -> Response:
    """Rebuild a fleet from its session records, pools and configuration.

    It goes on serving calls meanwhile. 409 `would_set_aside` if many records are unusable, unless the body confirms it
    with `set_aside`.
    """
    return json_response(await repair_fleet(store, specs, fleet, author, set_aside=body.set_aside))


@router.delete("/{fleet}", status_code=204)
@allow({"admin"}, refuses=(errors.FleetInUseError, errors.VersionMismatchError, errors.InvalidPreconditionError))
async def delete_fleet(fleet: FleetName, expected: TheExpectedVersion, store: TheStore, author: TheAuthor) -> Response:
    """Delete a fleet without live sessions, and its pools.

    `If-Match` restricts it to one version.
    """
    try:
        await store.fleets.delete(fleet, expected, author)
    except errors.UnknownFleetError:
        if expected is None:
            raise
        raise errors.VersionMismatchError from None
    return Response(status_code=204)


def _fleet(fleet: str, document: str, version: int, status: int) -> Response:
    # Splice the JSON text: decimals must not pass through floats.
    head = json.dumps({"fleet": fleet, "config_version": version})
    body = f"{head[:-1]}, {document[1:]}"
    return Response(body, status, {"ETag": f'"{version}"'}, "application/json")
