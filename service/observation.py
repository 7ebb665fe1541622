"""What a snapshot says in the paper's terms: pure, for the API and the metrics alike.

Totals are in sessions and in the unit of the fleet file, times in seconds. What does not exist without active
pools is None.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import fsum

from service.core.fleet import FleetSpec
from service.core.occupancy import Averages, Gaps, gaps
from service.core.optimum import Optimum, optimal_assignment, optimum, pool_worth
from service.core.ranking import Ranking
from service.errors import InvalidIntegrals, UtilitiesChanged
from service.store.values import ClassSnapshot, Integrals, Snapshot

MICROSECONDS = 1_000_000
WINDOWS = (60, 300, 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCounts:
    """Pools by status."""

    active: int
    draining: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCounts:
    """Sessions on active pools, and on those that are emptying."""

    active: int
    draining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Pools of a class with a green token, and with a yellow one."""

    green: int
    yellow: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassObservation:
    """Class i of pools.

    `occupancy[j]` = n·q(i, j), `optimal_occupancy` the same of q*, `marginal_utilities[x]` = Δ(i, x); `threshold`
    is ℓ_i(r), `optimal_threshold` ℓ_i(r*); `marginal_utility` is what one more session is worth on the emptiest
    pool of the class, None when the class is full; `pool_worth` what one more pool would add.
    """

    name: str
    capacity: int
    pools: PoolCounts
    sessions: SessionCounts
    threshold: int | None
    optimal_threshold: int | None
    tokens: Tokens | None
    marginal_utility: float | None
    pool_worth: float | None
    occupancy: list[int]
    optimal_occupancy: list[float]
    marginal_utilities: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A fleet at one instant: `GET …/state`."""

    fleet: str
    config_version: int
    policy: str
    as_of: float
    store_epoch: int
    suspect: bool
    pools: PoolCounts
    sessions: SessionCounts
    capacity: int
    offered_load_estimate: float | None
    estimate_rank: int | None
    optimal_rank: int | None
    min_green_to_decrement: int | None
    utility: float
    utility_bound: float
    utility_per_pool: float | None
    utility_bound_per_pool: float | None
    relative_gap: float | None
    load_price: float | None
    classes: list[ClassObservation]
    counters: dict[str, int]
    integrals: str


def observe(snapshot: Snapshot, spec: FleetSpec) -> Observation:
    """Everything `GET …/state` says. O(levels)."""
    pools = [c.counts[0] for c in snapshot.classes]
    active = sum(pools)
    ranking = enumeration(spec, pools)
    best = optimum(spec.ranking, pools, snapshot.sessions)
    utility = spec.integers.to_utility(snapshot.utility)
    bound = spec.integers.to_utility(snapshot.optimum)
    slta = snapshot.policy == "slta"
    return Observation(
        fleet=snapshot.fleet,
        config_version=snapshot.config_version,
        policy=snapshot.policy,
        as_of=snapshot.time / MICROSECONDS,
        store_epoch=snapshot.store_epoch,
        suspect=snapshot.suspect,
        pools=_all_pools(snapshot.classes),
        sessions=SessionCounts(active=snapshot.sessions, draining=snapshot.draining_sessions),
        capacity=sum(count * c.capacity for count, c in zip(pools, spec.classes, strict=True)),
        offered_load_estimate=snapshot.sessions / active if active else None,
        estimate_rank=snapshot.rank or None,
        optimal_rank=ranking.rank(best.coordinate) if best else None,
        min_green_to_decrement=snapshot.min_green if slta and active else None,
        utility=utility,
        utility_bound=bound,
        utility_per_pool=utility / active if active else None,
        utility_bound_per_pool=bound / active if active else None,
        relative_gap=(bound - utility) / abs(bound) if bound else None,
        load_price=best.price if best else None,
        classes=_observe_classes(snapshot, spec, ranking, best),
        counters=dict(snapshot.counters),
        integrals=encode_integrals(snapshot.fleet, snapshot.integrals),
    )


def enumeration(spec: FleetSpec, pools: Sequence[float]) -> Ranking:
    """The ranking of the classes that have pools."""
    if all(pools):
        return spec.ranking
    return spec.ranking.restricted_to([i for i, count in enumerate(pools) if count])


def _all_pools(classes: Sequence[ClassSnapshot]) -> PoolCounts:
    return PoolCounts(
        active=sum(c.counts[0] for c in classes),
        draining=sum(c.draining_pools for c in classes),
        failed=sum(c.failed_pools for c in classes),
    )


def _observe_classes(
    snapshot: Snapshot, spec: FleetSpec, ranking: Ranking, best: Optimum | None
) -> list[ClassObservation]:
    pools = [c.counts[0] for c in snapshot.classes]
    optimal = optimal_assignment(spec.ranking, pools, best) if best else [[float(count)] for count in pools]
    estimate = ranking.coordinate(snapshot.rank) if snapshot.rank else None
    return [
        ClassObservation(
            name=seen.name,
            capacity=spec.classes[i].capacity,
            pools=PoolCounts(active=pools[i], draining=seen.draining_pools, failed=seen.failed_pools),
            sessions=SessionCounts(active=sum(seen.counts[1:]), draining=seen.draining_sessions),
            threshold=ranking.threshold(i, snapshot.rank) if estimate else None,
            optimal_threshold=ranking.threshold(i, ranking.rank(best.coordinate)) if best else None,
            tokens=_tokens(snapshot, seen, yellow=estimate is not None and estimate.pool_class == i),
            marginal_utility=_marginal_of_emptiest(spec, i, seen.counts),
            pool_worth=pool_worth(spec.ranking, i, best) if best else None,
            occupancy=list(seen.counts),
            optimal_occupancy=optimal[i],
            marginal_utilities=list(spec.ranking.marginals[i][: len(seen.counts)]),
        )
        for i, seen in enumerate(snapshot.classes)
    ]


def _tokens(snapshot: Snapshot, seen: ClassSnapshot, *, yellow: bool) -> Tokens | None:
    if snapshot.policy != "slta":
        return None
    return Tokens(green=seen.green, yellow=snapshot.yellow if yellow else 0)


def _marginal_of_emptiest(spec: FleetSpec, pool_class: int, counts: Sequence[int]) -> float | None:
    lowest = sum(count == counts[0] for count in counts) - 1
    if not counts[0] or lowest >= spec.classes[pool_class].capacity:
        return None
    return spec.ranking.marginals[pool_class][lowest]


# Averages


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragesObservation:
    """Time averages per pool since earlier integrals: `GET …/averages`."""

    window_seconds: float
    mean_pools: float | None
    mean_sessions_per_pool: float | None
    utility_mean: float | None
    utility_optimum_mean: float | None
    utility_bound: float | None
    placement_gap: float | None
    swing_gap: float | None
    utility_gap: float | None
    relative_gap: float | None
    relative_placement_gap: float | None
    integrals: str


def observe_averages(snapshot: Snapshot, older: Integrals, spec: FleetSpec) -> AveragesObservation:
    """Everything `GET …/averages` says; raises UtilitiesChanged and InvalidIntegrals."""
    found = averages(snapshot.integrals, older, spec)
    return AveragesObservation(
        window_seconds=(snapshot.integrals.time - older.time) / MICROSECONDS,
        mean_pools=found.mean_pools if found else None,
        mean_sessions_per_pool=found.mean_sessions_per_pool if found else None,
        utility_mean=found.utility_mean if found else None,
        utility_optimum_mean=found.utility_optimum_mean if found else None,
        utility_bound=found.utility_bound if found else None,
        placement_gap=found.placement_gap if found else None,
        swing_gap=found.swing_gap if found else None,
        utility_gap=found.utility_gap if found else None,
        relative_gap=found.relative(found.utility_gap) if found else None,
        relative_placement_gap=found.relative(found.placement_gap) if found else None,
        integrals=encode_integrals(snapshot.fleet, snapshot.integrals),
    )


def averages(newer: Integrals, older: Integrals, spec: FleetSpec) -> Gaps | None:
    """⟨u⟩, ⟨u*(s)⟩ and u*(⟨s⟩) between two integrals; None where no time passed or no pool was active."""
    if newer.store_epoch != older.store_epoch:
        raise UtilitiesChanged("The fleet was created anew since: begin a new window.")
    if newer.utilities_version != older.utilities_version or len(newer.pools) != len(older.pools):
        raise UtilitiesChanged
    elapsed = newer.time - older.time
    if elapsed < 0:
        raise InvalidIntegrals("`since` lies in the future: the store was restored from an older state.")
    if elapsed == 0:
        return None
    means = Averages(
        pools=tuple(_difference(n, o) / elapsed for n, o in zip(newer.pools, older.pools, strict=True)),
        sessions=_difference(newer.sessions, older.sessions) / elapsed,
        utility=spec.integers.to_utility(_difference(newer.utility, older.utility) / elapsed),
        momentary_optimum=spec.integers.to_utility(_difference(newer.optimum, older.optimum) / elapsed),
    )
    return gaps(spec.bound_ranking, means)


def _difference(newer: tuple[float, float], older: tuple[float, float]) -> float:
    """Of two compensated sums, rounded once."""
    return fsum((newer[0], -older[0], newer[1], -older[1]))


# Integrals as text that clients hand back

_FORMAT_VERSION = 1
_HEAD = struct.Struct(">BQIQ6d")
_PAIR = struct.Struct(">2d")
_CHECK_BYTES = 6
_LARGEST = 1e100
"""No integral comes near; NaN and infinities are not below it."""


def encode_integrals(fleet: str, integrals: Integrals) -> str:
    """URL-safe text that only `decode_integrals` of the same fleet takes back."""
    head = _HEAD.pack(
        _FORMAT_VERSION,
        integrals.store_epoch,
        integrals.utilities_version,
        integrals.time,
        *integrals.sessions,
        *integrals.utility,
        *integrals.optimum,
    )
    payload = head + b"".join(_PAIR.pack(*pair) for pair in integrals.pools)
    return base64.urlsafe_b64encode(_check(fleet, payload) + payload).rstrip(b"=").decode()


def decode_integrals(fleet: str, text: str) -> Integrals:
    """The inverse; raises InvalidIntegrals for anything else."""
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise InvalidIntegrals from None
    check, payload = sealed[:_CHECK_BYTES], sealed[_CHECK_BYTES:]
    whole = len(payload) >= _HEAD.size and (len(payload) - _HEAD.size) % _PAIR.size == 0
    if not whole or check != _check(fleet, payload) or payload[0] != _FORMAT_VERSION:
        raise InvalidIntegrals
    _, epoch, version, time, *sums = _HEAD.unpack_from(payload)
    pools = tuple((high, low) for high, low in _PAIR.iter_unpack(payload[_HEAD.size :]))
    if not all(abs(number) < _LARGEST for number in (*sums, *chain.from_iterable(pools))):
        raise InvalidIntegrals
    return Integrals(
        store_epoch=epoch,
        utilities_version=version,
        time=time,
        sessions=(sums[0], sums[1]),
        utility=(sums[2], sums[3]),
        optimum=(sums[4], sums[5]),
        pools=pools,
    )


def _check(fleet: str, payload: bytes) -> bytes:
    """Against typing errors and other fleets' values, not against forgery: a forger only misleads himself."""
    return hashlib.blake2b(payload, digest_size=_CHECK_BYTES, key=hashlib.sha256(fleet.encode()).digest()).digest()


# What if


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassOptimum:
    """Class i in the optimal assignment."""

    name: str
    pools: int
    sessions_per_pool: float | None
    threshold: int | None
    pool_worth: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The optimum at a load and pool counts: `GET …/optimum`."""

    load: float | None
    sessions: float
    overload: bool
    utility_bound: float | None
    utility_bound_per_pool: float | None
    load_price: float | None
    optimal_rank: int | None
    classes: list[ClassOptimum]


def what_if(snapshot: Snapshot, spec: FleetSpec, load: float | None, pools: Mapping[str, int]) -> WhatIf:
    """The optimum with `load` sessions per pool, else those there are, on the present pools or those given."""
    counts = [pools.get(c.name, c.counts[0]) for c in snapshot.classes]
    total = sum(counts)
    sessions = float(snapshot.sessions) if load is None else load * total
    best = optimum(spec.ranking, counts, sessions)
    return WhatIf(
        load=sessions / total if total else load,
        sessions=sessions,
        overload=best.overload if best else sessions > 0,
        utility_bound=best.utility if best else None,
        utility_bound_per_pool=best.utility / total if best else None,
        load_price=best.price if best else None,
        optimal_rank=enumeration(spec, counts).rank(best.coordinate) if best else None,
        classes=_optimal_classes(spec, counts, best),
    )


def _optimal_classes(spec: FleetSpec, counts: Sequence[int], best: Optimum | None) -> list[ClassOptimum]:
    columns = optimal_assignment(spec.ranking, counts, best) if best else [[0.0] for _ in counts]
    return [
        ClassOptimum(
            name=c.name,
            pools=counts[i],
            sessions_per_pool=sum(columns[i][1:]) / counts[i] if counts[i] and best else None,
            threshold=spec.ranking.threshold(i, best.rank) if best and counts[i] else None,
            pool_worth=pool_worth(spec.ranking, i, best) if best else None,
        )
        for i, c in enumerate(spec.classes)
    ]
