"""Census: the names of all fleets that have keys, listed or not. In Lua: `census` in `lua/integrity/audit.lua`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from slta.models.errors import StoreUnavailableError
from slta.store._client.functions import FunctionClient


async def take_census(functions: FunctionClient, *, partial: bool = False) -> set[str]:
    """Names of all fleets that have keys. O(keys), 1000 per call. StoreUnavailableError.

    `partial`: those of the masters of a cluster that can be reached; the error if none can.
    """
    found: list[Sequence[str]] = []
    for tag in functions.tags():
        with suppress(*(StoreUnavailableError,) if partial else ()):
            found.append(await _fleets_at(functions, tag))
    if not found:
        raise StoreUnavailableError
    return {fleet for fleets in found for fleet in fleets}


async def _fleets_at(functions: FunctionClient, tag: str) -> list[str]:
    """Fleets of the master where a tag lies. A key counts if its slot is the master's: others may be left over."""
    fleets: set[str] = set()
    cursor = "0"
    while True:
        _, cursor, names = await functions.read("census", tag, cursor=cursor)
        fleets.update(names)
        if cursor == "0":
            return [fleet for fleet in fleets if functions.server(fleet) == functions.server(tag)]
