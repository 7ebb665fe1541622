"""Census: the names of all fleets that have keys, listed or not."""

from __future__ import annotations

import re
from contextlib import suppress

from slta.models.errors import StoreUnavailableError
from slta.store._client.functions import FunctionClient

OF_FLEET = re.compile(r"\{([\w.:-]+)\}:(fleet|document|records|sessions)")
"""Keys that a fleet is known by."""


async def take_census(functions: FunctionClient, *, partial: bool = False) -> set[str]:
    """Names of all fleets that have keys. O(keys), 1000 per call. StoreUnavailableError.

    `partial`: those of the masters of a cluster that can be reached; the error if none can.
    """
    found: list[set[str]] = []
    for tag in functions.tags():
        with suppress(*(StoreUnavailableError,) if partial else ()):
            found.append(await _fleets_at(functions, tag))
    if not found:
        raise StoreUnavailableError
    return set().union(*found)


async def _fleets_at(functions: FunctionClient, tag: str) -> set[str]:
    """Fleets of the master where a tag lies. A key counts if its slot is the master's: others may be left over."""
    fleets: set[str] = set()
    cursor = "0"
    while True:
        cursor, keys = await functions.scan(tag, cursor, "{*}:*")
        fleets.update(match[1] for key in keys if (match := OF_FLEET.fullmatch(key)))
        if cursor == "0":
            return {fleet for fleet in fleets if functions.server(fleet) == functions.server(tag)}
