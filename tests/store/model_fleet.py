"""Fleet of the model: its configuration, and the comparison of the store with the specification and the naive twin."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from redis import Redis

from slta.core import utility
from slta.core.fleet import FleetSpec
from slta.core.orders import PAPER, Index, Kink, Order
from slta.core.policies import Occupancies, Policy
from slta.core.policies.tokens import Beta, Tokens
from slta.store._encoding import put_arguments
from slta.store.fleets import FLEETS_KEY
from slta.store.library import Library, own_library
from slta.store.operations import encode
from tests import naive, rawstate
from tests.store.fleets import with_scale
from tests.store.model_curves import log_curve, rational_curve
from tests.store.model_types import Types
from tests.store.terms import SECOND, Terms

FLEET = "world"
RETENTION_SECONDS = 130
CALL = 1000
"""µs from one call to the next."""
COUNTED = (
    *("assigned", "adopted", "completed", "expired", "failed", "reported_ended"),
    *("refused_ids", "rejected_no_capacity", "rejected_no_active_pool", "rejected_low_priority"),
)
REJECTED = dict(zip(("FULL", "NO_ACTIVE_POOL", "LOW_PRIORITY"), COUNTED[-3:], strict=True))
UNKNOWN_STAY = 3600 * SECOND
TYPE_COUNTS = ("type_sessions", "type_others", "held", "type_held")
"""Fields of the state of a fleet with session types."""
SHORT_LEASE, LONG_LEASE = 2, 3600
"""Of pools, in seconds: time passes only for pools with short ones to be lost."""


@dataclass
class Pool:
    """What the test knows of a pool."""

    pool_id: str
    pool_class: int
    bit: int
    status: str = "active"
    sessions: list[str] = field(default_factory=list)
    liveness: str = "alive"
    lease_seconds: int = 0

    @property
    def serves(self) -> bool:
        """Whether it may get sessions, and is part of N, A and the bound."""
        return self.status == "active" and self.liveness in ("alive", "unconfirmed")


class Fleet:
    """Configuration and state of a random fleet."""

    def __init__(  # noqa: PLR0915 - a line for each fact of the state
        self, redis: Redis, seed: int, policy: Policy, *, with_naive: bool, library: Library | None = None
    ) -> None:
        """`library` when the policy is not one of the service's own."""
        self.redis, self.rng, self.policy, self.with_naive = redis, random.Random(seed), policy, with_naive
        source, self.digest = library or own_library()
        redis.flushall()
        redis.execute_command("FUNCTION", "LOAD", "REPLACE", source)
        redis.sadd(FLEETS_KEY, FLEET)
        self.operations = 0
        self.pending: list[Any] = []
        self.expected: list[list[Any]] = []
        self.pools: list[Pool] = []
        self.where: dict[str, Pool] = {}
        self.placed: dict[str, str] = {}
        """What the record of each session must say of its coming: the level, and the token's letter if one decided."""
        self.doubted: dict[int, list[str]] = {}
        """The pools that became unconfirmed since the last mass loss of each class; twice, if one was heard between."""
        self.longest: dict[int, int] = {}
        """The longest of their leases, in seconds."""
        self.differing = 0
        """Drawn sessions that were not on a best place."""
        self.seen: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        """By word, and for an ended session its reason."""
        self.counters = Counter(dict.fromkeys(COUNTED, 0))
        """Of the fleet, by name."""
        self.beta = self.rng.choice([Beta(), Beta(exponent=Fraction(1, 4)), Beta(exponent=None, fixed=Fraction(1, 5))])
        self.serial = 0
        self.now = 1_700_000_000_000_000
        self.lease_rng = random.Random(f"lease {seed}")
        self.order_rng = random.Random(f"order {seed}")
        self.report_rng = random.Random(f"report {seed}")
        self.drain_rng = random.Random(f"drain {seed}")
        self.time_rng = random.Random(f"time {seed}")
        self.known: list[str] = []
        """Ids of sessions that lived."""
        self.draw_classes()
        self.draw_order()
        self.types = Types(seed, self.names)
        self.kept = self.types.rng.choice([0, 0, 3, 8])
        """Places for sessions that are not of low priority, where the policy keeps some."""
        self.hold, self.stay = self.types.rng.choice([0, 3600]), UNKNOWN_STAY
        if self.may_have_types():
            self.types.draw()
        self.configure()

    def draw_classes(self) -> None:
        """1 to 5 classes; some of the same curve."""
        count = self.rng.randint(1, 5)
        family = self.rng.choice([rational_curve, log_curve])
        curves = [family(self.rng) for _ in range(count)]
        if count > 1 and self.rng.random() < 0.5:
            curves[-1] = curves[0]
        self.names = [f"c{i}" for i in range(count)]
        self.logarithmic = family is log_curve
        self.capacities = [self.rng.randint(1, 11) for _ in range(count)]
        self.curves = curves

    def configure(self) -> None:
        """Tell all three; r is then the optimum for the sessions there are."""
        classes = [
            utility.PoolClass(name, curve(capacity), capacity)
            for name, capacity, (curve, _) in zip(self.names, self.capacities, self.curves, strict=True)
        ]
        self.spec_of_fleet = FleetSpec(
            tuple(classes),
            policy=self.policy,
            beta=self.beta,
            order=self.order,
            retention_seconds=RETENTION_SECONDS,
            session_types=self.types.sets,
            reserve=self.types.reserve,
            reserve_for_priority=self.kept if self.keeps_places() else 0,
        )
        self.spec_of_fleet = with_scale(self.spec_of_fleet, self.hold)
        assert self._put()[0] == "CONFIGURED"
        occupancies = Occupancies(self.spec_of_fleet.ranking, self.columns())
        occupancies.unconfirmed = self.unconfirmed()
        self.spec = self.spec_of_fleet.policy.specification(occupancies, self.beta)
        if self.with_naive:
            self._configure_naive()
        state = rawstate.fields(self.redis, FLEET)
        self.sums = self._sums(state)
        if not hasattr(self, "terms"):
            self.began, self.epoch = self.now - int(state["time"]), state["store_epoch"]
            self.terms = Terms(round(self.spec_of_fleet.lease_seconds * 1e6), RETENTION_SECONDS * SECOND)

    def draw_order(self) -> None:
        """The paper's order half of the time, else one that the policy may have."""
        others: list[Order] = [Kink()]
        if not self.policy.has_thresholds and not (hasattr(self, "types") and self.types.sets):
            others.append(Index(self.order_rng.randint(1, 40)))
        self.order: Order = self.order_rng.choice([PAPER] * len(others) + others)

    def reorder(self) -> None:
        """Another order under the sessions there are; r keeps its coordinate, and the averages their window."""
        self.draw_order()
        before = rawstate.fields(self.redis, FLEET)
        self.spec_of_fleet = replace(self.spec_of_fleet, order=self.order)
        assert self._put()[0] == "CONFIGURED"
        self.spec.occupancies.full_ranking = self.spec_of_fleet.ranking
        self.spec.pools_changed()
        if self.with_naive:
            self.naive.reorder(self._naive_order())
            self.naive._settle()
        after = rawstate.fields(self.redis, FLEET)
        for name in ("utilities_version", "utility", "sessions"):
            assert after[name] == before[name]
        if after["utilities"] != before["utilities"]:  # the tables, including the order
            self.sums = {source: [0.0, 0.0, 0.0] for source in self.sums}

    def may_have_types(self) -> bool:
        """Whether neither policy nor order forbids them."""
        return self.policy.takes_types and self.order.by_marginal

    def keeps_places(self) -> bool:
        """Whether the policy keeps places for sessions that are not of low priority."""
        return self.policy.places and self.policy.takes_types

    def retype(self) -> None:
        """Other session types, unless one of which sessions are present would go, or lose a class."""
        before, reserve = self.types.sets, self.types.reserve
        counts = Counter(map(self.types.kind, self.where))
        self.types.redraw()
        if lost := next((t for t, own in before.items() if counts[t] and {*own} - {*self.types.sets.get(t, ())}), None):
            self.spec_of_fleet = replace(self.spec_of_fleet, session_types=self.types.sets, reserve=self.types.reserve)
            own = self.types.sets.get(lost, before[lost])
            classes = [c for c in self.names if c in before[lost] and c not in own]
            assert self._put()[:4] == ["SESSION_TYPE_IN_USE", lost, counts[lost], " ".join(classes)]
            self.types.sets, self.types.reserve = before, reserve
            self.answers["SESSION_TYPE_IN_USE"] += 1
        self.types.forget()
        self.configure()

    def _put(self) -> list[Any]:
        return self.change("put", "", *encode("begin_compare", put_arguments(self.spec_of_fleet, "{}", None)))

    def _naive_order(self) -> naive.Order:
        sessions = Fraction(self.order.sessions) if isinstance(self.order, Index) else Fraction(1)
        return naive.Order(self.order.kind, sessions, self.logarithmic)

    def _configure_naive(self) -> None:
        enough = naive.fixed_beta(self.beta.fixed) if self.beta.fixed else naive.power_beta(self.beta.exponent)
        marginals = [(marginal, capacity) for (_, marginal), capacity in zip(self.curves, self.capacities, strict=True)]
        self.naive = naive.NaiveFleet(marginals, self.policy.name, enough, self._naive_order())
        for i, column in enumerate(self.columns()):
            for bit, occupancy in enumerate(column):
                inactive = next((p for p in self.pools if (p.pool_class, p.bit) == (i, bit)), None)
                held = len(inactive.sessions) if inactive else 0
                self.naive.add(i, active=occupancy is not None, occupancy=held if occupancy is None else occupancy)
                self.naive.pools[-1].unconfirmed = (i, bit) in self.unconfirmed()
        self.naive.estimate = (
            self.naive.optimal_coordinate() if self.naive.active_pools() else self.naive.all_coordinates[0]
        )

    def columns(self) -> list[list[int | None]]:
        """X(i, k) by class and bit, None where no active pool is."""
        columns: list[list[int | None]] = []
        for i in range(len(self.names)):
            members = {p.bit: p for p in self.pools if p.pool_class == i}
            width = max(members, default=-1) + 1
            columns.append(
                [len(members[k].sessions) if k in members and members[k].serves else None for k in range(width)]
            )
        return columns

    def unconfirmed(self) -> set[tuple[int, int]]:
        """Class and bit of the unconfirmed pools."""
        return {(p.pool_class, p.bit) for p in self.pools if p.liveness == "unconfirmed"}

    def run(self, function: str, *arguments: Any) -> list[Any]:
        assert function == "batch" or not self.pending, "what is expected of a batch is true for a moment only"
        name, key = f"slta_{self.digest}_{function}", f"{{{FLEET}}}:fleet"
        self.now += CALL
        reply: list[Any] = self.redis.execute_command("FCALL", name, 1, key, str(self.now), *arguments)
        return reply[:-2]  # without incarnation and revision

    def compare(self) -> None:
        """The library's own comparison finds nothing."""
        arguments = encode("begin_compare", put_arguments(self.spec_of_fleet, "{}", None))
        found = self.run("begin_compare", *arguments)
        while not found[2]:
            found = self.run("compare", found[1], 1000)
            assert found[3] == []
        assert (found[3], found[10]) == ([], "")

    def change(self, function: str, *arguments: Any) -> list[Any]:
        """The same of a change of which there is an event."""
        return self.run(function, "", *arguments)[:-1]  # without the event

    def inside(self) -> list[list[int]]:
        """Sessions on pools in service, by type and class."""
        counts = Counter((self.types.kind(s), p.pool_class) for s, p in self.where.items() if p.serves)
        return [[counts[t, i] for i in range(len(self.names))] for t in self.types.names]

    def compare_state(self) -> None:
        """r, thresholds and token counts of the store are the specification's."""
        state = rawstate.fields(self.redis, FLEET)
        assert (state["suspect"], self._sums(state)) == ("", self.sums)
        assert int(state["sessions"]) == self.spec.occupancies.sessions
        self.counters["refused_ids"] = self.terms.refused_ids
        assert {name: int(state.get(name) or 0) for name in COUNTED} == self.counters
        if self.types.sets:
            self._compare_types(state)
        if isinstance(self.spec, Tokens):
            assert int(state["rank"]) == self.spec.rank
            if self.spec.rank:
                greens, yellows = self.spec.tokens()
                assert [int(word) for word in state["green"].split()] == [len(pools) for pools in greens]
                assert int(state["yellow"]) == len(yellows)
                expected = self.spec.occupancies.ranking.thresholds(self.spec.rank)
                assert tuple(int(word) for word in state["thresholds"].split()) == expected

    def _compare_types(self, state: Mapping[str, str]) -> None:
        """Sessions by type and class, and refusals by type, are the model's."""
        inside = self.inside()
        others = Counter(self.types.kind(session) for session, pool in self.where.items() if not pool.serves)
        assert {name: [int(word) for word in state[name].split()] for name in TYPE_COUNTS} == {
            "type_sessions": [sum(row) for row in inside],
            "type_others": [others[t] for t in self.types.names],
            "held": [sum(column) for column in zip(*inside, strict=True)],
            "type_held": [count for row in inside for count in row],
        }
        stored: dict[Any, Any] = self.redis.hgetall(f"{{{FLEET}}}:types")
        stored.setdefault("numbers", state.get("type_numbers", ""))  # of the next store
        assert self.types.refusals(stored) == self.types.refused

    @staticmethod
    def _sums(state: Mapping[str, str]) -> dict[str, list[float]]:
        parts = ("drawn", "difference", "squares")
        return {source: [float(state[f"{source}_{part}"]) for part in parts] for source in ("placed", "reported")}

    def refresh(self, *changed: Pool) -> None:
        """Bring the models to the pools as they are."""
        self.spec.occupancies.columns = [list(column) for column in self.columns()]
        self.spec.occupancies.unconfirmed = self.unconfirmed()
        self.spec.pools_changed()
        if self.with_naive:
            for pool in changed:
                twin = self.naive.pool(pool.pool_class, pool.bit)
                twin.occupancy, twin.active = len(pool.sessions), pool.serves
                twin.unconfirmed = pool.liveness == "unconfirmed"
            self.naive._settle()

    def _batch_time(self) -> int:
        """Fleet time of the next batch."""
        return self.now + CALL - self.began

    def _place_of(self, session: str) -> list[str]:
        pool = self.where[session]
        return [pool.pool_id, self.types.of_class(self.names[pool.pool_class], session)]

    def _lease_word(self) -> str:
        """Mostly the fleet's lease; else one of seconds, or none."""
        if self.time_rng.random() < 0.5:
            return ""
        return self.time_rng.choice(["0", str(self.time_rng.randint(1, 8 * SECOND))])
