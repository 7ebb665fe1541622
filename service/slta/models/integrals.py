"""Time integrals of a fleet's totals, and the sums that belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from slta.core.session_types.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceSums:
    """Number of sessions, sum of their differences at placing, and of the squares, in the store's integers.

    Of a fleet that observes those of all reports, else of one in 16 sessions.
    """

    sessions: int
    total: float
    squares: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Differences at placing by source since fleet time `since` in µs, when curves, order or policy were set."""

    since: int
    placed: DifferenceSums
    reported: DifferenceSums

    @classmethod
    def from_numbers(cls, since: float, *sums: float) -> Differences:
        """The inverse of `numbers`."""
        placed, reported = (
            DifferenceSums(sessions=int(sessions), total=total, squares=squares)
            for sessions, total, squares in (sums[:3], sums[3:])
        )
        return cls(since=int(since), placed=placed, reported=reported)

    @property
    def numbers(self) -> tuple[float, ...]:
        """`since`, then the sums of both sources, in the order of the store's fields."""
        sums = (self.placed, self.reported)
        return (self.since, *(number for s in sums for number in (s.sessions, s.total, s.squares)))


Pair = tuple[float, float]
"""Sum as (high, low) of doubles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeIntegrals:
    """Integrals of U*(N, A) less a bound of U*(N_1 … N_T, A), and of each N_t by number, as those of `Integrals`.

    Those of `intervals` are not in the first yet.
    """

    compatibility: Pair
    sessions: tuple[Pair, ...]
    intervals: tuple[Interval, ...] = ()


class Arrivals(NamedTuple):
    """Counters of a line of the history, as of the same names in `COUNTERS`: assigned and rejected add up to what came.

    `refused_ids` are the different ids among the rejections but those of low priority, 0 without scale advice. An id
    counts once within a mean stay of 10 s to 1 h, and is subtracted if it is served in that time.
    """

    assigned: int
    rejected_no_capacity: int
    rejected_no_active_pool: int
    refused_ids: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrals:
    """Time integrals of totals since the fleet's creation, as pairs (high, low) of doubles with exact differences.

    Units are µs of fleet time times the store's integers (`utility`, `optimum`), sessions or pools (`pools[i]`).
    `utilities_version` changes with curves, capacities and session types. `differences` is None if no session was drawn
    or reported, `types` without session types, `arrivals` if a client has sent them.
    """

    store_epoch: int
    utilities_version: int
    time: int
    sessions: Pair
    utility: Pair
    optimum: Pair
    pools: tuple[Pair, ...]
    differences: Differences | None = None
    types: TypeIntegrals | None = None
    arrivals: Arrivals | None = None
