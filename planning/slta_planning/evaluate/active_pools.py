"""Which pools of the fleet file count, and when; those that the log never names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from slta.cli.error_messages import UserError
from slta.core.fleet import FleetSpec
from slta_experiments.fleets import FleetShape
from slta_planning.evaluate.reading import Log
from slta_planning.evaluate.window import Window
from slta_planning.simulation import shape_of
from slta_planning.text import counted, error_text, percent

MAX_UNSEEN = 0.1
"""Maximum share of the capacity on unseen pools that is kept without a word of the user."""

Places = NDArray[np.int64]
"""Positions of pools, counted class by class."""


class Unseen(StrEnum):
    """What is done about pools that the log never names."""

    KEEP = "keep"
    """They count as empty."""
    DROP = "drop"
    """They are left out."""
    ACTIVE = "active"
    """So are they; the others count from a mean duration before their first session to one after their last."""


@dataclass(frozen=True)
class Epoch:
    """Time from `begin` to `end` in the window's seconds, through which the same pools are active."""

    begin: float
    end: float
    pools: Places
    shape: FleetShape


@dataclass(frozen=True)
class ActivePools:
    """Epochs of a log in order, the first from 0, and the pools of the file without a session in it.

    `unseen_share` is these pools' share of the file's capacity.
    """

    rule: Unseen
    shape: FleetShape
    epochs: Sequence[Epoch]
    unseen: int
    unseen_share: float

    @property
    def horizon(self) -> float:
        """End of the last epoch."""
        return self.epochs[-1].end

    @cached_property
    def counts(self) -> NDArray[np.float64]:
        """Active pools by epoch and class of `shape`."""
        names = [c.name for c in self.shape.classes]
        found = [dict(zip((c.name for c in e.shape.classes), e.shape.shares, strict=True)) for e in self.epochs]
        return np.array([[float(shares.get(name, 0)) for name in names] for shares in found])

    def mean_pools(self, begin: float, end: float) -> tuple[float, ...]:
        """⟨A(i)⟩ between two times."""
        spans = [max(0.0, min(e.end, end) - max(e.begin, begin)) for e in self.epochs]
        return tuple(float(a) for a in np.array(spans) @ self.counts / (end - begin))


def active_pools_of(spec: FleetSpec, log: Log, window: Window, wanted: Unseen | None) -> ActivePools:
    """Apply `--unseen`. Raises UserError without it, if pools with much of the capacity are unseen."""
    pools = log.numbers.pools(spec.class_names())
    seen = np.unique(log.numbers.places(spec.class_names()))
    capacities = np.repeat([float(c.capacity) for c in spec.classes], pools)
    unseen, share = len(capacities) - len(seen), 1 - float(capacities[seen].sum() / capacities.sum())
    if wanted is None and share > MAX_UNSEEN:
        raise UserError(_refusal(unseen, len(capacities), share))
    rule = wanted or Unseen.KEEP
    epochs = list(_epochs(spec, pools, rule, log, window))
    ever = np.arange(len(capacities)) if rule is Unseen.KEEP else seen
    return ActivePools(rule, _shape(spec, pools, ever), epochs, unseen, share)


def _refusal(unseen: int, pools: int, share: float) -> str:
    head = (
        f"{unseen:,} of {counted(pools, 'pool')} of the fleet file, {percent(share)} of its capacity, have no session "
        "in the log. If it has the wrong pools, correct it; else choose"
    )
    keep = "  --unseen keep: they were there and empty; the balancer lost what they could have added"
    drop = "  --unseen drop: they were not there; only pools of the log count"
    active = (
        "  --unseen active: pools came and went; each counts from a mean duration before its first session to one "
        "after its last"
    )
    return error_text([head, keep, drop, active])


def _shape(spec: FleetSpec, pools: Sequence[int], active: Places) -> FleetShape:
    return shape_of(spec.classes, [int(n) for n in np.histogram(active, [0, *np.cumsum(pools) - 0.5])[0]])


def _epochs(spec: FleetSpec, pools: Sequence[int], rule: Unseen, log: Log, window: Window) -> Iterator[Epoch]:
    shapes = cache(lambda active: _shape(spec, pools, np.frombuffer(active, dtype=np.int64)))
    for begin, end, active in _active(rule, log, log.numbers.places(spec.class_names()), sum(pools), window):
        yield Epoch(begin, end, active, shapes(active.tobytes()))


def _active(
    rule: Unseen, log: Log, places: Places, pools: int, window: Window
) -> Iterator[tuple[float, float, Places]]:
    """Begin, end and active pools of each epoch."""
    if rule is not Unseen.ACTIVE:
        yield 0.0, window.end, np.arange(pools) if rule is Unseen.KEEP else np.unique(places)
        return
    first, last = _stays(log, places, pools, window)
    edges = np.unique(np.clip([0.0, window.end, *first, *last], 0.0, window.end))
    active = np.array([], dtype=np.int64)
    for begin, end in pairwise(map(float, edges)):
        there = np.flatnonzero((first <= begin) & (begin < last))
        active = there if len(there) else active  # in a pause the last pools stay
        yield begin, end, active


def _stays(log: Log, places: Places, pools: int, window: Window) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each pool comes and goes; an unseen one comes at infinity."""
    first, last = np.full(pools, np.inf), np.full(pools, -np.inf)
    mean = float((log.ends - log.starts).mean())
    np.minimum.at(first, places[log.pools], log.starts - window.origin - mean)
    np.maximum.at(last, places[log.pools], log.ends - window.origin + mean)
    return first, last
