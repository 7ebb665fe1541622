"""Fleet specification: classes, policy, leases, and the compiled ranking tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal, TypeVar

from slta.core.integers import IntegerUtilities, integer_utilities
from slta.core.limits import MAX_CAPACITY, MAX_CLASSES, MAX_LEVELS, MAX_SESSION_TYPES, MAX_TYPE_CELLS
from slta.core.orders import PAPER, Order
from slta.core.policies import DEFAULT_POLICY, POLICIES, Policy
from slta.core.policies.tokens import Beta
from slta.core.ranking import Ranking, rank_coordinates
from slta.core.scaling.settings import Floor, Scale
from slta.core.session_types import DEFAULT_TYPE
from slta.core.session_types.intervals import Interval, excess
from slta.core.session_types.sets import TypeSets
from slta.core.utility import PoolClass

Count = TypeVar("Count", int, float)

LEASE_SECONDS = 21_600
"""Default lease of a session without renewal."""

RETENTION_SECONDS = 600
"""Default retention of an ended session's outcome."""

GONE_SECONDS = 120
"""Default time for which a pool is lost before it is gone."""

FORGET_SECONDS = 86_400
"""Default time for which an empty pool is gone before it is removed."""

MAX_INTERVALS = 512
"""More than a window of the history has."""

RESERVE = 0.5
"""Default ρ of the reserves of session types."""


@dataclass(frozen=True)
class Quality:
    """Quality that pools measure of their sessions: the value of one `session`, or of all on the `pool`, in `unit`."""

    per: Literal["session", "pool"]
    unit: str


def type_conflicts(policy: Policy, order: Order) -> list[str]:
    """What forbids session types under this policy and order, with the alternative."""
    conflicts = []
    if not policy.takes_types:
        others = " or ".join(other.name for other in POLICIES.values() if other.takes_types)
        conflicts.append(f"policy {policy.name} does not take session types: use {others}")
    if not order.by_marginal:
        conflicts.append(f"order.kind {order.kind} prices a load without types: use kind paper or kink")
    return conflicts


def priority_conflicts(policy: Policy) -> list[str]:
    """What forbids to keep places for sessions that are not of low priority under this policy."""
    keeping = [other.name for other in POLICIES.values() if other.takes_types and other.places]
    return [] if policy.name in keeping else [f"policy {policy.name} keeps no places: use {' or '.join(keeping)}"]


@dataclass(frozen=True)
class FleetSpec:
    """Configuration of a fleet. `classes` are in the order of the file, which breaks ties (section 2.3).

    A pool that is lost for `gone_seconds` is gone, and when empty removed after another `forget_seconds`, 0 for never.
    `session_types` maps a name to the names of the classes that its sessions may use; `default`, all classes, is not
    among them; see `type_conflicts`. `reserve` is ρ of their reserves, see `session_types.reserves`. A
    session of low priority is refused while its classes have at most `reserve_for_priority` free places in all.
    `utility_unit` is displayed behind utilities, and `stated_policy` is the file's, such as `auto`, None for that of
    `policy`; nothing depends on them. `quality` is what pools measure, None if nothing; `learned` has the classes whose
    curve an apply of a file keeps. `scale` has the settings of scale advice, None without.
    """

    classes: tuple[PoolClass, ...]
    policy: Policy = DEFAULT_POLICY
    beta: Beta = Beta()
    lease_seconds: float = LEASE_SECONDS
    retention_seconds: float = RETENTION_SECONDS
    order: Order = PAPER
    gone_seconds: float = GONE_SECONDS
    forget_seconds: float = FORGET_SECONDS
    utility_unit: str | None = None
    session_types: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reserve: float = RESERVE
    reserve_for_priority: int = 0
    stated_policy: str | None = None
    quality: Quality | None = None
    learned: frozenset[str] = frozenset()
    scale: Scale | None = None

    def __post_init__(self) -> None:
        names = [c.name for c in self.classes]
        if not 1 <= len(names) <= MAX_CLASSES:
            raise ValueError(f"a fleet has 1 to {MAX_CLASSES} classes, not {len(names)}")
        if len(set(names)) < len(names):
            raise ValueError("class names must differ")
        if max(c.capacity for c in self.classes) > MAX_CAPACITY:
            raise ValueError(f"capacity must be at most {MAX_CAPACITY}")
        if sum(c.capacity for c in self.classes) > MAX_LEVELS:
            raise ValueError(f"the capacities of all classes must add up to at most {MAX_LEVELS}")
        if any(set(own) - set(names) or not own for own in self.session_types.values()):
            raise ValueError("a session type has one or more of the classes")
        count = len(self.type_names)
        if count > MAX_SESSION_TYPES or count * len(names) > MAX_TYPE_CELLS:
            raise ValueError(f"at most {MAX_SESSION_TYPES} session types, and {MAX_TYPE_CELLS} classes times types")
        conflicts = type_conflicts(self.policy, self.order) if self.session_types else []
        conflicts += priority_conflicts(self.policy) if self.reserve_for_priority else []
        if conflicts:
            raise ValueError("; ".join(conflicts))

    @cached_property
    def ranking(self) -> Ranking:
        """Dispatch order of coordinates, compiled once."""
        return self.order.arrange(self.classes, self.paper_ranking)

    @cached_property
    def paper_ranking(self) -> Ranking:
        """Order ▷ of section 2.3, independent of the dispatch order."""
        return rank_coordinates(self.classes)

    @property
    def optimal_ranking(self) -> Ranking:
        """Order that fills the optimum: the dispatch order if it is by marginal utility, else the paper's."""
        return self.ranking if self.order.by_marginal else self.paper_ranking

    @cached_property
    def integers(self) -> IntegerUtilities:
        """Marginal utilities as the integers that the store sums."""
        return integer_utilities(self.paper_ranking)

    @cached_property
    def bound_ranking(self) -> Ranking:
        """Order by integer marginal utility, which U*(N, A) fills."""
        return self.integers.ranking()

    @cached_property
    def excess(self) -> Callable[[Interval], float]:
        """`intervals.excess` in the store's integers; the last `MAX_INTERVALS` are cached."""
        return lru_cache(MAX_INTERVALS)(lambda interval: excess(self.type_sets, self.integers.totals, interval))

    def places(self, pools: Sequence[Count]) -> Count:
        """Number of sessions that `pools[i]` pools of each class i have room for."""
        return sum(count * c.capacity for count, c in zip(pools, self.classes, strict=True))

    def floors(self, floor: Floor) -> tuple[float, ...]:
        """`floor` in utility per session of each type. Raises ValueError if no fleet of these classes can reach it."""
        return floor.by_type(self.type_sets, [float(c.utility.marginal(0)) for c in self.classes])

    def class_names(self) -> Sequence[str]:
        """Names of the classes, in order."""
        return [c.name for c in self.classes]

    @cached_property
    def type_names(self) -> Sequence[str]:
        """Names of the session types by number: `default` is 0, the others follow in the order of the file."""
        return (DEFAULT_TYPE, *self.session_types)

    @cached_property
    def type_sets(self) -> TypeSets:
        """Classes of each session type, by number."""
        positions = {name: i for i, name in enumerate(self.class_names())}
        own = (sorted(positions[name] for name in names) for names in self.session_types.values())
        return TypeSets((tuple(positions.values()), *map(tuple, own)))
