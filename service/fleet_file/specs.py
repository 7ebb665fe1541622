"""Cache of compiled fleet specs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from service.core.fleet import FleetSpec
from service.core.policies import POLICIES, Policy
from service.errors import DocumentUnreadable, InvalidFleet
from service.fleet_file.schema import FleetFile, parse_document


class Specs:
    """Specs of stored documents, each compiled once, in a thread: the largest takes seconds."""

    MOST = 64
    """Specs cached regardless of their size."""
    MOST_LEVELS = 131_072
    """Maximum total levels of more than `MOST` specs; above it the oldest is evicted."""

    def __init__(self, policies: Mapping[str, Policy] = POLICIES) -> None:
        """`policies` by name, those that a document may use."""
        self.policies = policies
        self._known: dict[str, FleetSpec] = {}
        self._levels = 0

    async def of(self, document: str) -> FleetSpec:
        """The compiled spec of a document."""
        spec = self._known.get(document)
        if spec is None:
            spec = await asyncio.to_thread(_compile_document, document, self.policies)
            self._keep(document, spec)
        return spec

    async def of_stored(self, document: str) -> FleetSpec:
        """The compiled spec of a fleet's stored document; raises DocumentUnreadable."""
        try:
            return await self.of(document)
        except (InvalidFleet, ValueError):
            raise DocumentUnreadable from None

    def _keep(self, document: str, spec: FleetSpec) -> None:
        if document not in self._known:  # another call may have compiled it meanwhile
            self._known[document] = spec
            self._levels += _levels(spec)
        while len(self._known) > self.MOST and self._levels > self.MOST_LEVELS:
            self._levels -= _levels(self._known.pop(next(iter(self._known))))


def _levels(spec: FleetSpec) -> int:
    return sum(pool_class.capacity for pool_class in spec.classes)


def _compile_document(document: str, policies: Mapping[str, Policy]) -> FleetSpec:
    return compile_spec(parse_document(document), policies)


def compile_spec(file: FleetFile, policies: Mapping[str, Policy] = POLICIES) -> FleetSpec:
    """`to_spec`, with the tables that are otherwise compiled at first use."""
    spec = file.to_spec(policies)
    _ = spec.ranking, spec.integers, spec.bound_ranking
    return spec
