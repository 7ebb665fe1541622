"""Averages of a fleet between two integrals: gaps to the utility bound, differences at placing, text for clients."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import TypeVar

from slta.core.fleet import FleetSpec
from slta.core.gaps import Averages, Gaps, TypeAverages, gaps
from slta.core.least_connections import least_connections_utility
from slta.models import MICROSECONDS, Differences, DifferenceSums, Integrals, Snapshot, TypeIntegrals
from slta.models.errors import InvalidIntegralsError, UtilitiesChangedError

MEANS_AND_GAPS = (*(field.name for field in fields(Gaps)), "placement_gap", "swing_gap", "utility_gap")
"""Names that an observation has in common with `Gaps`."""

Value = TypeVar("Value")
_PLAIN, _DIFFERING = 1, 2
_HEADS = {_PLAIN: struct.Struct(">BQIQ6d"), _DIFFERING: struct.Struct(">BQIQ6d7d")}
"""Header by format version, its first byte: without and with differences at placing. The pools follow."""
_PAIR = struct.Struct(">2d")
_TYPED = 0x80
"""Added to the first byte with session types: their compatibility and sessions follow the pools, last their number."""
_CHECK_BYTES = 6
_LARGEST = 1e100
"""Above any valid integral; also rejects NaN and infinities."""
NO_SUMS = DifferenceSums(sessions=0, total=0.0, squares=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragesObservation:
    """Time averages per pool since earlier integrals; null without time covered or active pools.

    - `window_seconds`: time covered, slightly more than the window, less in a young fleet.
    - `utility_optimum_mean`: mean of the best utility at each instant. `utility_bound`: best utility at the mean load.
    - `placement_gap`: `utility_optimum_mean` - `utility_mean`. `swing_gap`: `utility_bound` - `utility_optimum_mean`.
    - `utility_gap`: both gaps. `relative_…`: divided by the bound, null if that is 0.
    - `compatibility_gap`: null without session types, to whose classes the other gaps are restricted.
    - `difference_at_placing`: mean over reports, null without a compared report in the window. A fleet that places has
      `difference_at_placing_by_source`.
    - `mean_sessions_by_type`: totals on active pools, empty without session types.
    """

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
    relative_swing_gap: float | None
    compatibility_gap: float | None
    relative_compatibility_gap: float | None
    difference_at_placing: float | None
    difference_at_placing_by_source: DifferencesBySource | None
    mean_sessions_by_type: Mapping[str, float]
    integrals: str


def observe_averages(snapshot: Snapshot, older: Integrals, spec: FleetSpec) -> AveragesObservation:
    """Response of `GET …/averages`; raises UtilitiesChangedError and InvalidIntegralsError."""
    means = mean_totals(snapshot.integrals, older, spec)
    result = gaps(spec.bound_ranking, means) if means else None
    by_type = means.types.sessions if means and means.types else ()
    return AveragesObservation(
        window_seconds=(snapshot.integrals.time - older.time) / MICROSECONDS,
        **{name: getattr(result, name, None) for name in MEANS_AND_GAPS},
        relative_gap=result.relative(result.utility_gap) if result else None,
        relative_placement_gap=result.relative(result.placement_gap) if result else None,
        relative_swing_gap=result.relative(result.swing_gap) if result else None,
        relative_compatibility_gap=result.relative(result.compatibility_gap) if result else None,
        difference_at_placing=mean_difference(snapshot.integrals, older, spec),
        difference_at_placing_by_source=differences_by_source(snapshot.integrals, older, spec),
        mean_sessions_by_type=dict(zip(spec.type_names, by_type, strict=bool(by_type))),
        integrals=encode_integrals(snapshot.fleet, completed(snapshot.integrals, spec)),
    )


def over_window(snapshot: Snapshot, seconds: int, compute: Callable[[Integrals], Value]) -> Value | None:
    """What `compute` makes of the integrals kept for a window; None without any, or if it cannot compare them."""
    older = snapshot.past.get(seconds)
    try:
        return compute(older) if older else None
    except (InvalidIntegralsError, UtilitiesChangedError):
        return None


def averages(newer: Integrals, older: Integrals, spec: FleetSpec) -> Gaps | None:
    """⟨u⟩, ⟨u*(s)⟩ and u*(⟨s⟩) between two integrals; None if no time passed or no pool was active.

    Raises UtilitiesChangedError and InvalidIntegralsError.
    """
    means = mean_totals(newer, older, spec)
    return gaps(spec.bound_ranking, means) if means else None


def least_connections_gap(newer: Integrals, older: Integrals, spec: FleetSpec) -> float | None:
    """What least connections would lose at the mean sessions and pools between two integrals, of |u*(⟨s⟩)|.

    None as `averages`, if the bound is 0, and with session types, which an even spread would not respect. Raises as
    `averages`.
    """
    means = None if spec.session_types else mean_totals(newer, older, spec)
    best = gaps(spec.bound_ranking, means) if means else None
    if means is None or best is None:
        return None
    even = least_connections_utility(spec.bound_ranking, means.pools, means.sessions)
    return best.relative(best.utility_bound - even / best.mean_pools)


def mean_totals(newer: Integrals, older: Integrals, spec: FleetSpec) -> Averages | None:
    """Means of totals between two integrals; None if no time passed. Raises as `averages`."""
    if newer.store_epoch != older.store_epoch:
        raise UtilitiesChangedError("The fleet was created anew within the window: begin a new window.")
    if newer.utilities_version != older.utilities_version or _shape(newer) != _shape(older):
        raise UtilitiesChangedError
    elapsed = newer.time - older.time
    if elapsed < 0:
        raise InvalidIntegralsError(
            "`since` is in the future: the store was restored from an older state. Begin a new window."
        )
    if elapsed == 0:
        return None
    newer, older = completed(newer, spec), completed(older, spec)
    optimum = difference(newer.optimum, older.optimum) / elapsed
    return Averages(
        pools=tuple(difference(n, o) / elapsed for n, o in zip(newer.pools, older.pools, strict=True)),
        sessions=difference(newer.sessions, older.sessions) / elapsed,
        utility=spec.integers.to_utility(difference(newer.utility, older.utility) / elapsed),
        momentary_optimum=spec.integers.to_utility(optimum),
        types=_type_averages(newer.types, older.types, spec, optimum, elapsed) if newer.types and older.types else None,
    )


def _shape(integrals: Integrals) -> tuple[int, int]:
    """Numbers of classes and of session types."""
    return len(integrals.pools), len(integrals.types.sessions) if integrals.types else 0


def _type_averages(
    newer: TypeIntegrals, older: TypeIntegrals, spec: FleetSpec, optimum: float, elapsed: int
) -> TypeAverages:
    compatibility = difference(newer.compatibility, older.compatibility) / elapsed
    return TypeAverages(
        sets=spec.type_sets,
        sessions=tuple(difference(n, o) / elapsed for n, o in zip(newer.sessions, older.sessions, strict=True)),
        momentary_optimum=spec.integers.to_utility(optimum - compatibility),
    )


def difference(newer: tuple[float, float], older: tuple[float, float]) -> float:
    """Difference of two compensated sums, rounded once."""
    return math.fsum((newer[0], -older[0], newer[1], -older[1]))


def completed(integrals: Integrals, spec: FleetSpec) -> Integrals:
    """The integrals with the intervals of which the store has not got the bound. A bound for each, unless cached."""
    if not integrals.types:
        return integrals
    high, low = integrals.types.compatibility
    pair = (high, math.fsum((low, *map(spec.excess, integrals.types.intervals))))
    return replace(integrals, types=replace(integrals.types, compatibility=pair, intervals=()))


def encode_integrals(fleet: str, integrals: Integrals) -> str:
    """Encode `completed` ones as URL-safe text for `decode_integrals` of the same fleet."""
    differences, types = integrals.differences, integrals.types
    version = _DIFFERING if differences else _PLAIN
    head = _HEADS[version].pack(
        version + (_TYPED if types else 0),
        integrals.store_epoch,
        integrals.utilities_version,
        integrals.time,
        *integrals.sessions,
        *integrals.utility,
        *integrals.optimum,
        *(differences.numbers if differences else ()),
    )
    of_types = (types.compatibility, *types.sessions) if types else ()
    payload = head + b"".join(_PAIR.pack(*pair) for pair in (*integrals.pools, *of_types))
    payload += bytes([len(types.sessions)]) if types else b""
    return base64.urlsafe_b64encode(_check(fleet, payload) + payload).rstrip(b"=").decode()


def decode_integrals(fleet: str, text: str) -> Integrals:
    """Decode the text of `encode_integrals`; raises InvalidIntegralsError."""
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise InvalidIntegralsError from None
    check, payload = sealed[:_CHECK_BYTES], sealed[_CHECK_BYTES:]
    if not payload or check != _check(fleet, payload):
        raise InvalidIntegralsError
    kind, types = payload[0] & ~_TYPED, payload[-1] if payload[0] & _TYPED else None
    head, body = _HEADS.get(kind), payload if types is None else payload[:-1]
    if not head or len(body) < head.size or (len(body) - head.size) % _PAIR.size:
        raise InvalidIntegralsError
    _, epoch, version, time, *sums = head.unpack_from(body)
    pairs = [(high, low) for high, low in _PAIR.iter_unpack(body[head.size :])]
    pools = pairs if types is None else pairs[: -types - 1]
    of_types = pairs[len(pools) :]
    if not all(abs(number) < _LARGEST for number in (*sums, *chain.from_iterable(pairs))):
        raise InvalidIntegralsError
    return Integrals(
        store_epoch=epoch,
        utilities_version=version,
        time=time,
        sessions=(sums[0], sums[1]),
        utility=(sums[2], sums[3]),
        optimum=(sums[4], sums[5]),
        pools=tuple(pools),
        differences=Differences.from_numbers(*sums[6:]) if sums[6:] else None,
        types=TypeIntegrals(compatibility=of_types[0], sessions=tuple(of_types[1:])) if of_types else None,
    )


def _check(fleet: str, payload: bytes) -> bytes:
    """Checksum against typing errors and values of other fleets; forgery harms only the forger."""
    return hashlib.blake2b(payload, digest_size=_CHECK_BYTES, key=hashlib.sha256(fleet.encode()).digest()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanDifference:
    """Number of sessions, their mean difference, and its standard error, that of independent sessions.

    `mean` is null without a session, `standard_error` with fewer than two.
    """

    sessions: int
    mean: float | None
    standard_error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferencesBySource:
    """Marginal utility of the best free place minus that of the place taken, of one in 16 sessions, by source.

    `placed` by an assign, or `reported` by another balancer that placed it.
    """

    placed: MeanDifference
    reported: MeanDifference


def differences_by_source(newer: Integrals, older: Integrals | None, spec: FleetSpec) -> DifferencesBySource | None:
    """Mean differences between two integrals, or since curves, order or policy changed; None if no session was drawn.

    Sessions from before that change are excluded: their unit may differ. None for a fleet that observes.
    """
    return _between(newer, older, spec) if spec.policy.places else None


def mean_difference(newer: Integrals, older: Integrals | None, spec: FleetSpec) -> float | None:
    """Mean difference to JLMU's choice of all reports of a fleet that observes, as `differences_by_source`."""
    found = None if spec.policy.places else _between(newer, older, spec)
    return found.reported.mean if found else None


def _between(newer: Integrals, older: Integrals | None, spec: FleetSpec) -> DifferencesBySource | None:
    last, first = newer.differences, older.differences if older else None
    if last is None:
        return None
    earlier = first if first and first.since == last.since else None
    return DifferencesBySource(
        placed=_mean(last.placed, earlier.placed if earlier else NO_SUMS, spec),
        reported=_mean(last.reported, earlier.reported if earlier else NO_SUMS, spec),
    )


def _mean(last: DifferenceSums, earlier: DifferenceSums, spec: FleetSpec) -> MeanDifference:
    sessions = max(0, last.sessions - earlier.sessions)
    total, squares = last.total - earlier.total, last.squares - earlier.squares
    mean = total / sessions if sessions else None
    error = None
    if mean is not None and sessions > 1:
        variance = max(0.0, squares - total * mean) / (sessions - 1)
        error = spec.integers.to_utility(math.sqrt(variance / sessions))
    return MeanDifference(
        sessions=sessions, mean=None if mean is None else spec.integers.to_utility(mean), standard_error=error
    )
