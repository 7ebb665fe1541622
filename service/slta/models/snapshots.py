"""Snapshot types: a fleet at one instant with its time integrals, audit findings and repair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from slta.core.session_types.intervals import Interval
from slta.models.pools import LIVENESS, Guard, Liveness

MAX_SET_ASIDE = 10
MAX_SHARE_SET_ASIDE = 0.01
"""Maximum records, and share of the sessions, that a repair sets aside without confirmation."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSnapshot:
    """Class i in a snapshot. `counts[j]` = n·q(i, j): pools in service with at least j sessions, `counts[0]` = A(i).

    `leased_pools` counts the pools of status active that have a lease, and unconfirmed ones that drain, by liveness:
    lost and gone ones are not in service. Their sessions are in `draining_sessions`.
    """

    name: str
    counts: list[int]
    draining_pools: int
    failed_pools: int
    draining_sessions: int
    green: int
    assigned: dict[str, int]
    leased_pools: Mapping[Liveness, int] = field(default_factory=lambda: dict.fromkeys(LIVENESS, 0))
    guard: Guard = "off"

    @property
    def lost_pools(self) -> int:
        """Pools of status active that take no sessions, since they are lost or gone."""
        return self.leased_pools["lost"] + self.leased_pools["gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeSnapshot:
    """Session type in a snapshot: its sessions on active and on other pools, those assigned, and refused by reason.

    `inside[i]` of its sessions are on active pools of class i.
    """

    name: str
    sessions: int
    inside: Sequence[int]
    other_sessions: int
    assigned: int
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """Result of a fleet's last periodic audit: Unix time of its end, number of findings and the first of them or ''.

    `by` is the dispatcher, as its host and process.
    """

    at: float
    total: int
    by: str
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Fleet at one instant, read atomically.

    `utility` and `optimum` are U and U*(N, A) in the store's integers, `clock` the server's time in µs. `rank` is r
    among the classes with active pools (under JLMU the rank of σ(q)), or 0. `yellow` tokens are of the class of `rank`.
    `types` is None without session types.
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
    """Bytes of the rows that a decision reads (SLTA's two bits per pool, JLMU's open pools), and of the ledger."""
    past: dict[int, Integrals]
    """Integrals by age in seconds (60, 300, 3600); of a younger fleet, the oldest."""
    audit: AuditResult | None = None
    """Result of the last periodic audit, if any."""
    types: Sequence[TypeSnapshot] = ()
    """Session types by number, if the fleet has any."""
    quality: str = ""
    """Samples of quality, as `views.quality.samples_of` takes them."""
    repair_blocked: str | None = None
    """Reason why a suspect fleet is not repaired automatically, if any."""
    resumed_at: int | None = None
    """Fleet time in µs after the last gap or loss of the store, None without."""

    @property
    def as_of(self) -> str:
        """This instant, in the format that `lua/state/state.lua` parses."""
        return f"{self.store_epoch}:{self.time}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """Fleet that needs a repair. `ours`: by this dispatcher, else by another one.

    `blocked` is the reason of the last dispatcher that did not repair it, or ''.
    """

    ours: bool
    blocked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Result of one tick. `remain`: expired leases are left. `recent`: another one has just done it.

    `audit`: the claim of an audit that the caller is to do, '' without one. `turn_seconds`: time to the caller's turn
    to tick it again; 0 if it has none. `held_seconds`: fleet time until leases end again, after too long a gap between
    ticks. `seconds` is the processor time of the server's process. `interval` waits for its bound, see
    `lua/fleets/intervals.lua`: its name and numbers, '' without one.
    """

    suspect: Suspect | None = None
    remain: bool = False
    recent: bool = False
    audit: str = ""
    turn_seconds: float = 0.0
    held_seconds: float = 0.0
    seconds: float = 0.0
    interval: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Numbers of records that a repair sets aside, of `live` session records; `records`: kind, id and why of some."""

    live: int = 0
    sessions: int = 0
    pools: int = 0
    records: Sequence[tuple[str, str, str]] = ()

    @property
    def is_harmless(self) -> bool:
        """Whether so few records would be set aside that no confirmation is needed."""
        records = self.sessions + self.pools
        return records <= MAX_SET_ASIDE and self.sessions <= self.live * MAX_SHARE_SET_ASIDE

    def __str__(self) -> str:
        """Numbers of records to set aside."""
        return f"{self.sessions} of {self.live} sessions and {self.pools} records of pools"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """Result of a repair. `set_aside` counts unusable records, kept in {fleet}:aside."""

    fleet: str
    slices: int
    set_aside: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Audit findings of one fleet: at most 20 sentences per slice, and their total number."""

    fleet: str
    sentences: list[str]
    total: int
    slices: int
    not_looked: str | None = None
    """Error code if the fleet could not be audited."""
    repaired: Repaired | None = None
    """The repair before this audit, if any."""
    unchecked: str | None = None
    """What could not be checked, and why; it is no finding."""
