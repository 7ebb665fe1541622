"""Cache of compiled fleet specs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES, Policy
from slta.fleet_file.schema import FleetFile, parse_document
from slta.models.errors import DocumentUnreadableError, InvalidFleetError

SHORT_BYTES, SMALL_LEVELS = 2048, 128
"""A document within both takes 0.4 to 4 ms. In a thread it would wait for one on a busy machine, a thousand in a row
for many seconds."""


class Specs:
    """Specs of stored documents, each compiled once, a large one in a thread: the largest takes seconds."""

    MAX_SPECS = 64
    """Specs cached regardless of their size."""
    MAX_LEVELS = 131_072
    """Maximum total levels of more than `MAX_SPECS` specs; above it the oldest is evicted."""

    def __init__(self, policies: Mapping[str, Policy] = POLICIES) -> None:
        """`policies` that a document may use, by name."""
        self.policies = policies
        self._cache: dict[str, FleetSpec] = {}
        self._levels = 0

    async def of(self, document: str) -> FleetSpec:
        """The compiled spec of a document."""
        spec = self._cache.get(document)
        if spec is None:
            is_short = len(document) <= SHORT_BYTES
            file = parse_document(document) if is_short else await asyncio.to_thread(parse_document, document)
            is_small = is_short and sum(c.capacity for c in file.classes) <= SMALL_LEVELS
            compiled = partial(compile_spec, file, self.policies)
            spec = compiled() if is_small else await asyncio.to_thread(compiled)
            self._store(document, spec)
        return spec

    async def of_stored(self, document: str) -> FleetSpec:
        """The compiled spec of a fleet's stored document; raises DocumentUnreadableError."""
        try:
            return await self.of(document)
        except (InvalidFleetError, ValueError):
            raise DocumentUnreadableError from None

    def _store(self, document: str, spec: FleetSpec) -> None:
        if document not in self._cache:  # another call may have compiled it meanwhile
            self._cache[document] = spec
            self._levels += _levels(spec)
        while len(self._cache) > self.MAX_SPECS and self._levels > self.MAX_LEVELS:
            self._levels -= _levels(self._cache.pop(next(iter(self._cache))))


def _levels(spec: FleetSpec) -> int:
    return sum(pool_class.capacity for pool_class in spec.classes)


def compile_spec(file: FleetFile, policies: Mapping[str, Policy] = POLICIES) -> FleetSpec:
    """`to_spec`, with the tables that are otherwise compiled at first use."""
    spec = file.to_spec(policies)
    _ = spec.ranking, spec.integers, spec.bound_ranking
    return spec
