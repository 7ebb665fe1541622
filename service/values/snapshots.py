"""A fleet at one instant, and what is found of it as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

MOST_SET_ASIDE = 10
MOST_SHARE_SET_ASIDE = 0.01
"""Records, and the share of the sessions, that a repair sets aside without being told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Reports that were compared with JLMU's choice since a fleet time in µs, at which the fleet got curves and policy.

    `difference` is the sum over them of the marginal utility at JLMU's choice less that of the reported place, in the
    store's integers. Only its mean over reports has a meaning.
    """

    since: int
    reports: int
    difference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrals:
    """Time integrals of totals since the fleet began, exact differences: pairs (high, low) of doubles.

    In microseconds of fleet time, `utility` and `optimum` times the store's integers, `sessions` times sessions and
    `pools[i]` times pools. `utilities_version` changes with curves and capacities. `comparison` is None
    where the fleet places sessions itself.
    """

    store_epoch: int
    utilities_version: int
    time: int
    sessions: tuple[float, float]
    utility: tuple[float, float]
    optimum: tuple[float, float]
    pools: tuple[tuple[float, float], ...]
    comparison: Comparison | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSnapshot:
    """Class i in a snapshot. `counts[j]` = n·q(i, j): active pools with at least j sessions, `counts[0]` = A(i)."""

    name: str
    counts: list[int]
    draining_pools: int
    failed_pools: int
    draining_sessions: int
    green: int
    assigned: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A fleet at one instant, read atomically.

    `utility` and `optimum` are U and U*(N, A) in the store's integers, `clock` the server's microseconds. `rank` is r
    among the classes with active pools (under JLMU the rank of σ(q)), or 0. `yellow` tokens are of the class of `rank`.
    """

    fleet: str
    document: str
    config_version: int
    policy: str
    store_epoch: int
    suspect: bool
    time: int
    clock: int
    sessions: int
    draining_sessions: int
    utility: int
    optimum: int
    rank: int
    yellow: int
    min_green: int
    classes: list[ClassSnapshot]
    counters: dict[str, int]
    integrals: Integrals
    row_bytes: dict[Literal["tokens", "ledger"], int]
    """Bytes of the rows that a choice reads (SLTA's two bits per pool, JLMU's open pools), and of the ledger."""
    past: dict[int, Integrals]
    """Per window in seconds (60, 300, 3600), the integrals of that long ago, or of as long as there are any."""
    repair_blocked: str | None = None
    """Why a suspect fleet is not repaired by itself; None where nothing is in the way."""

    @property
    def as_of(self) -> str:
        """This instant as `lua/state.lua` reads it again."""
        return f"{self.store_epoch}:{self.time}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What is stored of a fleet's document and of what was compiled from it, for a comparison.

    `fields` are those that `put` takes after the document: policy, digest of the utilities, names, capacities, lease,
    retention, beta's coefficient and power, exponent ('' where there was none yet). `digests` are SHA-1 of the tables:
    order, bound, each class's marginals.
    """

    document: str
    version: str
    fields: list[str]
    digests: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A fleet that must be repaired. `ours`: by the dispatcher that was told; else another one sees to it.

    `blocked` says why the last who looked did not repair it, '' where nobody did.
    """

    ours: bool
    blocked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The dry run of a repair: records that it would set aside, with the reason, and what it could put back.

    `live` sessions have a record now. `keys` are those that no fleet can have; only a repair that somebody asked for
    drops them. `put_back` are fields of {fleet}:aside.
    """

    live: int
    sessions: Mapping[str, str]
    pools: Mapping[str, str]
    keys: Mapping[str, str]
    put_back: Sequence[str]

    @property
    def is_harmless(self) -> bool:
        """Whether so few records would be set aside that nobody need be asked."""
        records = len(self.sessions) + len(self.pools)
        return records <= MOST_SET_ASIDE and len(self.sessions) <= self.live * MOST_SHARE_SET_ASIDE

    def __str__(self) -> str:
        """What would be set aside, in numbers."""
        parts = [f"{len(self.sessions)} of {self.live} sessions", f"{len(self.pools)} records of pools"]
        return " and ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """A fleet after its repair. `set_aside` counts what nobody could use and is kept in {fleet}:aside."""

    fleet: str
    slices: int
    set_aside: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an audit found of one fleet: sentences, of each slice at most 20, and how many there were in all."""

    fleet: str
    sentences: list[str]
    total: int
    slices: int
    not_looked: str | None = None
    """Why the fleet could not be looked at, as an error's code; None where it was."""
    repaired: Repaired | None = None
    """The repair after which this was found; None where there was none."""
