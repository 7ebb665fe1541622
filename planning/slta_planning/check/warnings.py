"""Warnings about a fleet file: valid, but probably not intended."""

from __future__ import annotations

from collections.abc import Iterator

from slta.core.fleet import FleetSpec
from slta_planning.check.facts import Facts
from slta_planning.text import amount, counted

PROVED_EXPONENT = 0.5
"""The paper's proofs need β_n = n^−γ with γ below this (section 3.2)."""


def warnings_of(spec: FleetSpec, facts: Facts, declared: int) -> list[str]:
    """All warnings as sentences; `declared` is the file's number of pools."""
    return [*_of_pools(spec, facts, declared), *_of_curves(spec), *_of_loads(facts), *_of_beta(spec, facts)]


def _of_pools(spec: FleetSpec, facts: Facts, declared: int) -> Iterator[str]:
    if not declared:
        yield "no class has pools: the figures assume one pool of each class"
        return
    empty = [c.name for c, count in zip(spec.classes, facts.pools, strict=True) if not count]
    if empty:
        yield f"{', '.join(empty)}: no pools; no session goes there until pools are created"
    if sum(facts.pools) == 1:
        yield "there is a single pool: every session goes there"
    if spec.reserve_for_priority >= facts.capacity:
        yield f"reserve_for_priority: not below the {facts.capacity:,} places: no session of low priority gets one"


def _of_curves(spec: FleetSpec) -> Iterator[str]:
    idle = [c.name for c, column in zip(spec.classes, spec.ranking.marginals, strict=True) if max(column) <= 0]
    if len(idle) == len(spec.classes):
        yield "no session adds anything: gaps only say how well the weights are kept"
        return
    yield from (f"{name}: no session adds anything there" for name in idle)


def _of_loads(facts: Facts) -> Iterator[str]:
    for at in facts.loads:
        if at.sessions > facts.capacity:
            places = counted(facts.capacity, "session")
            yield f"a load of {amount(at.sessions)} is more than the {places} that find a place"


def _of_beta(spec: FleetSpec, facts: Facts) -> Iterator[str]:
    if not spec.policy.has_thresholds:
        return
    n = sum(facts.pools)
    if spec.beta.exponent is not None and spec.beta.exponent >= PROVED_EXPONENT:
        yield f"beta: the paper proves its results for exponents below {PROVED_EXPONENT}"
    if n > 2 and facts.green_enough == n:
        yield "beta: r falls only with as many green tokens as pools, so it hardly falls"
