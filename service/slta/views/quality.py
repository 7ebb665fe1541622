"""Measured quality of a fleet by class and level."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from slta.core.fleet import FleetSpec
from slta.core.quality import Drift, LevelSamples, Samples, drift
from slta.models import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassQuality:
    """Class of pools; `curve` as in the fleet file, `levels` those with samples."""

    name: str
    curve: Literal["learned"] | None
    capacity: int
    levels: Sequence[LevelSamples]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityObservation:
    """Samples of the fleet's `quality`; `per` and `unit` are null, and there are none, if it measures none.

    `sum / samples` estimates the utility of one pool at a level: a value per session is multiplied by the level. The
    newest samples count most: sums are halved from time to time. `pools` is the number of different pools.
    """

    per: Literal["session", "pool"] | None
    unit: str | None
    classes: Sequence[ClassQuality]


_COUNT, _SUM = r"([1-9]\d{0,8})", r"(\d{1,17}(?:\.\d+)?(?:e(?:\+\d\d|-\d+))?)"
_RECORD = re.compile(rf"(?<!\S){_COUNT}:{_COUNT} {_COUNT} {_COUNT} {_SUM} {_SUM}(?!\S)")


def samples_of(snapshot: Snapshot, spec: FleetSpec) -> Samples:
    """Samples of a fleet, as `lua/pools/quality.lua` lists them, without those that cannot be. O(levels)."""
    return _samples_of(snapshot.quality, tuple(c.capacity for c in spec.classes))


@lru_cache(maxsize=4)  # a view of a fleet takes them three times
def _samples_of(text: str, capacities: Sequence[int]) -> Samples:
    samples: list[list[LevelSamples]] = [[] for _ in capacities]
    for record in _RECORD.findall(text):
        pool_class, level, count, pools = map(int, record[:4])
        total, squares = map(float, record[4:])
        if pool_class <= len(capacities) and level <= capacities[pool_class - 1]:
            one = LevelSamples(level=level, samples=count, pools=pools, sum=total, sum_squares=squares)
            samples[pool_class - 1].append(one)
    return [sorted(levels, key=lambda one: one.level) for levels in samples]


def observe_quality(snapshot: Snapshot, spec: FleetSpec) -> QualityObservation:
    """Response of `GET …/quality`."""
    samples = samples_of(snapshot, spec)
    return QualityObservation(
        per=spec.quality.per if spec.quality else None,
        unit=spec.quality.unit if spec.quality else None,
        classes=[
            ClassQuality(
                name=c.name, curve="learned" if c.name in spec.learned else None, capacity=c.capacity, levels=levels
            )
            for c, levels in zip(spec.classes, samples, strict=True)
        ],
    )


def drifts(snapshot: Snapshot, spec: FleetSpec) -> dict[str, Drift]:
    """Drift of each class that is measured; none with session types, whose optimum is another one. O(levels)."""
    samples, pools = samples_of(snapshot, spec), [c.counts[0] for c in snapshot.classes]
    found = {
        c.name: drift(spec.optimal_ranking, pools, snapshot.sessions, samples, i)
        for i, c in enumerate(spec.classes if not spec.session_types else ())
    }
    return {name: one for name, one in found.items() if one}
