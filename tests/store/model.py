"""A random fleet that the store, the specification and the naive implementation live through side by side.

Operations are drawn, the specification (and the naive one) says what must happen, the store is sent the same
operations in batches of random size, and every outcome, r, threshold and count is compared. Time passes: leases end,
ids are forgotten, facts are replayed. Where the policy takes session types, half of the fleets have some.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any
from unittest.mock import ANY

from redis import Redis

from slta.core import utility
from slta.core.differences import difference_at_placing, is_drawn
from slta.core.fleet import FleetSpec
from slta.core.orders import PAPER, Index, Kink, Order
from slta.core.policies import Observe, Occupancies, Policy
from slta.core.policies.choice import Decision
from slta.core.policies.tokens import Beta, Tokens
from slta.core.session_types import DEFAULT_TYPE
from slta.store._encoding import put_arguments
from slta.store.fleets import FLEETS_KEY
from slta.store.library import REPLAY_SECONDS, Library, own_library
from slta.store.operations import encode
from slta.store.sessions import type_option
from tests import naive, rawstate
from tests.audit import violations
from tests.store.model_types import UNKNOWN, Types
from tests.store.terms import SECOND, Terms

FLEET = "world"
RETENTION_SECONDS = 130
CALL = 1000
"""µs from one call to the next."""
COUNTED = (
    *("assigned", "adopted", "completed", "expired", "failed", "reported_ended"),
    *("rejected_no_capacity", "rejected_no_active_pool", "rejected_low_priority"),
)
REJECTED = dict(zip(("FULL", "NO_ACTIVE_POOL", "LOW_PRIORITY"), COUNTED[-3:], strict=True))
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


Curve = tuple[Callable[[int], utility.Utility], naive.Marginal]
"""A utility for a capacity, and the same for the naive implementation."""


def _fraction(rng: random.Random, largest: int) -> Fraction:
    return Fraction(rng.randint(1, largest * 4), 4)


def rational_curve(rng: random.Random) -> Curve:
    """A curve of rational marginals; small numbers, so that classes tie often."""
    kind = rng.randrange(5)
    a, b = _fraction(rng, 2), Fraction(rng.randint(0, 4), 8)
    if kind == 0:
        return lambda _: utility.LinearUtility(a), naive.linear(a)
    if kind == 1:
        return lambda _: utility.QuadraticUtility(a, -b), naive.quadratic(a, -b)
    if kind == 2:
        cap = _fraction(rng, 6)
        return lambda _: utility.CappedLinearUtility(a, cap), naive.capped_linear(a, cap)
    if kind == 3:
        weight = Fraction(rng.randint(1, 4))
        return (
            lambda _: utility.WeightedLeastConnectionsUtility(weight),
            naive.weighted_least_connections(weight),
        )
    values = [Fraction(0)]
    step = rng.randint(0, 6)
    for _ in range(12):
        values.append(values[-1] + step)
        step -= rng.randint(0, 2)
    return lambda capacity: utility.TableUtility(tuple(values[: capacity + 1])), naive.table(values)


def log_curve(rng: random.Random) -> Curve:
    """`x log(r/x)` with r among few values, so that classes tie, truly (r = 5 and 20) and by being equal."""
    resource = Fraction(rng.choice([5, 10, 20, 30]))
    return lambda _: utility.LogShareUtility(resource), naive.log_share(resource)


class World:
    """One fleet under random operations."""

    def __init__(
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
        self.doubted: dict[int, set[str]] = {}
        """The pools that became unconfirmed in the last mass loss of each class."""
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
        self.answered: set[str] = set()
        """Ids that were told to be unknown while facts might still have been replayed."""
        self.known: list[str] = []
        """Ids of sessions that lived."""
        self.draw_classes()
        self.draw_order()
        self.types = Types(seed, self.names)
        self.kept = self.types.rng.choice([0, 0, 3, 8])
        """Places for sessions that are not of low priority, where the policy keeps some."""
        if self.may_have_types():
            self.types.draw()
        self.configure()
        for i in range(len(self.names)):
            for _ in range(self.rng.randint(1, 6)):
                self.add_pool(i)

    # --- Configuration

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
        """Tell all three; r is then the optimum of what the ledger holds."""
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
        for name in ("utilities_version", "utility", "optimum", "sessions"):
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
        return self.change("put", "", *encode("begin_survey", put_arguments(self.spec_of_fleet, "{}", None)))

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
        name, key = f"slta_{self.digest}_{function}", f"{{{FLEET}}}:state"
        self.now += CALL
        reply: list[Any] = self.redis.execute_command("FCALL", name, 1, key, str(self.now), *arguments)
        return reply[:-2]  # without incarnation and revision

    def change(self, function: str, *arguments: Any) -> list[Any]:
        """The same of a change of which there is an event."""
        return self.run(function, "", *arguments)[:-1]  # without the event

    # --- Sessions

    def arrive(self) -> None:
        """A session that the policy places, or that somebody else has placed."""
        if self.policy.places and self.pools and self.report_rng.random() < 0.1:
            self.report(self.report_rng.choice(self.pools))
        elif self.policy.places:
            self.ask()
        elif self.pools and self.rng.random() < 0.98:
            self.report(self.rng.choice(self.pools))
        else:
            self.report_unknown()

    def ask(self) -> None:
        self.serial += 1
        session, draw, kind = f"s{self.serial}", self.rng.random(), self.types.any()
        columns = self.types.usable(kind, self.spec.occupancies.columns)
        assert not self.with_naive or self.naive.draws(draw) == is_drawn(draw)
        word, low = self._lease_word(), self.types.rng.random() < 0.3
        self._queue("assign", session, word, repr(draw), " low" * low + type_option(kind))
        if kind == UNKNOWN:
            self.expected.append(self.types.unknown())
            return
        best = self._best_free_place(kind) if is_drawn(draw) else None
        refusal = self._refusal(columns, low=low)
        if refusal == "LOW_PRIORITY":
            decision = None
        else:
            decision = self._decide_by_type(kind, draw) if self.types.sets else self._decide(draw)
            assert (decision is None) == (refusal is not None)
        if refusal:
            self.counters[REJECTED[refusal]] += 1
            by_type = self.types.sets and refusal != "LOW_PRIORITY"
            self.expected.append(self.types.refuse(refusal, kind) if by_type else [refusal])
            return
        if is_drawn(draw):
            self._add_difference("placed", columns, decision.pool_class, decision.pool, best)
        pool = next(p for p in self.pools if (p.pool_class, p.bit) == (decision.pool_class, decision.pool))
        pool.sessions.append(session)
        self._placed(session, pool, kind, decision.token[0])
        self.counters["assigned"] += 1
        self.seen[decision.token] += 1
        term = self.terms.begin(session, word, self._batch_time())
        self.expected.append(["ASSIGNED", *self._place_of(session), *term, decision.token])

    def _refusal(self, columns: Sequence[Sequence[int | None]], *, low: bool) -> str | None:
        """Why a session that may use these columns is not placed."""
        free = [self.capacities[i] - x for i, column in enumerate(columns) for x in column if x is not None]
        if not sum(free):
            return "FULL" if free else "NO_ACTIVE_POOL"
        return "LOW_PRIORITY" if low and self.keeps_places() and sum(free) <= self.kept else None

    def _decide(self, draw: float) -> Decision | None:
        """Where the specification, and the naive implementation, place a session."""
        decision = self.spec.assign(draw)
        if self.with_naive:
            placed = self.naive.assign(draw)
            assert placed == (decision and (decision.token, decision.pool_class, decision.pool))
            assert not decision or not self.policy.has_thresholds or self.naive.rank == decision.rank
        return decision

    def _decide_by_type(self, kind: str, draw: float) -> Decision | None:
        """The class by the naive implementation of the types, there one of the least occupied pools."""
        occupancies, unconfirmed = self.spec.occupancies, self.unconfirmed()
        marginals = self.spec_of_fleet.integers.marginals
        confirmed = [
            [None if (i, k) in unconfirmed else x for k, x in enumerate(c)] for i, c in enumerate(occupancies.columns)
        ]
        has_room = any(
            x is not None and x < len(marginals[i]) for i, c in enumerate(self.types.usable(kind, confirmed)) for x in c
        )
        seen = confirmed if has_room else occupancies.columns
        ranks = {(c, level): rank for rank, (c, level) in enumerate(occupancies.full_ranking.order)}
        i = self.types.choice(kind, occupancies.columns, seen, marginals, ranks, self.inside())
        if i is None:
            return None
        least = min(x for x in seen[i] if x is not None)
        pools = [k for k, x in enumerate(seen[i]) if x == least]
        pool = pools[int(draw * len(pools))]
        occupancies.join(i, pool)
        if self.with_naive:
            self.naive.pool(i, pool).occupancy += 1
        return Decision("open", i, pool, 0)

    def inside(self) -> list[list[int]]:
        """Sessions on pools in service, by type and class."""
        counts = Counter((self.types.kind(s), p.pool_class) for s, p in self.where.items() if p.serves)
        return [[counts[t, i] for i in range(len(self.names))] for t in self.types.names]

    def _best_free_place(self, kind: str) -> naive.Coordinate | None:
        """Of the classes of the type; None without room, or without the naive implementation."""
        return self.naive.best_free_place(lambda i: self.types.may_use(kind, i)) if self.with_naive else None

    def report(self, pool: Pool) -> None:
        """A session is on this pool: mostly a new one, sometimes one that is there already or on another."""
        self.serial += 1
        moves = self.where and self.rng.random() < 0.2
        session = self.rng.choice(list(self.where)) if moves else f"s{self.serial}"
        draw, before = self.rng.random(), self.where.get(session)
        late = self.report_rng.random() < 0.3
        word, now, kind = self._lease_word(), self._batch_time(), self.types.any()
        self._queue("report", session, word, repr(draw), pool.pool_id + " late" * late + type_option(kind))
        if kind == UNKNOWN:
            self.expected.append(self.types.unknown())
            return
        kind = self.types.kind(session) if before else kind
        if before is pool:
            self._expect_report("SAME", *self._place_of(session), *self.terms.live[session], "")
        elif not self.types.may_use(kind, pool.pool_class):
            self.expected.append(self.types.refuse("INCOMPATIBLE", kind)[:1])
        elif len(pool.sessions) >= self.capacities[pool.pool_class]:
            self._expect_report("OVER_CAPACITY")
        else:
            if before:
                self._leave(session)
            observed = pool.serves and not self.policy.places
            comparison = self._compared(pool, kind, draw) if observed else ""
            if self.policy.places and pool.serves and not before and not late and is_drawn(draw):
                columns = self.types.usable(kind, self.spec.occupancies.columns)
                self._add_difference("reported", columns, pool.pool_class, pool.bit, self._best_free_place(kind))
            self._enter(session, pool, kind)
            self.counters["adopted"] += not before
            if self.policy.places:
                self.refresh(pool)
            term = self.terms.move(session, now) if before else self.terms.begin(session, word, now)
            self._expect_report("MOVED" if before else "NEW", *self._place_of(session), *term, comparison)

    def report_unknown(self) -> None:
        self._queue("report", "s", "", "0.5", "nobody")
        self._expect_report("UNKNOWN_POOL")

    def _add_difference(
        self,
        source: str,
        columns: Sequence[Sequence[int | None]],
        pool_class: int,
        pool: int,
        best: naive.Coordinate | None,
    ) -> None:
        """A drawn session goes to this pool; `columns` are those before, `best` is what the naive one finds."""
        marginals = self.spec_of_fleet.integers.marginals
        level = (columns[pool_class][pool] or 0) + 1
        difference = difference_at_placing(marginals, columns, pool_class, level)
        if best:
            offered = marginals[best.pool_class][best.level - 1]
            assert difference == offered - marginals[pool_class][level - 1]
        self._add(source, difference)
        self.differing += difference > 0

    def _add(self, source: str, difference: float) -> None:
        drawn, total, squares = self.sums[source]
        self.sums[source] = [drawn + 1, total + difference, squares + float(difference) * difference]

    def _expect_report(self, word: str, *rest: Any) -> None:
        self.seen[word] += not self.policy.places
        self.expected.append([word, *rest])

    def _compared(self, pool: Pool, kind: str, draw: float) -> list[Any]:
        """What the store must answer besides: Δ here, JLMU's choice and Δ there, in integers."""
        assert isinstance(self.spec, Observe)
        integers = self.spec_of_fleet.integers
        level = self.spec.occupancies.columns[pool.pool_class][pool.bit]
        seen = copy(self.spec.occupancies)
        seen.columns = self.types.usable(kind, seen.columns)
        choice = self.spec.choice(draw, seen)
        assert choice
        self.spec.occupancies.join(pool.pool_class, pool.bit)
        if self.with_naive:
            preferred = self.naive.report(pool.pool_class, pool.bit, draw, lambda i: self.types.may_use(kind, i))
            assert preferred == (choice.token, choice.pool_class, choice.pool)
        best = next(p for p in self.pools if (p.pool_class, p.bit) == (choice.pool_class, choice.pool))
        here = integers.marginals[pool.pool_class][level or 0]
        there = integers.marginals[best.pool_class][len(best.sessions)]
        self._add("reported", there - here)
        return [here, best.pool_id, self.names[best.pool_class], there, integers.exponent]

    def _enter(self, session: str, pool: Pool, kind: str) -> None:
        pool.sessions.append(session)
        self._placed(session, pool, kind)
        if self.with_naive and not pool.serves:
            self.naive.pool(pool.pool_class, pool.bit).occupancy += 1

    def _placed(self, session: str, pool: Pool, kind: str, letter: str = "") -> None:
        self.where[session], self.placed[session] = pool, f"{len(pool.sessions)}{letter}"
        self.types.of[session] = kind

    def depart(self, session: str) -> None:
        pool = self._end(session, "completed")
        self._queue("complete", session, "", "", "")
        self.expected.append(["COMPLETED", pool.pool_id])

    def _end(self, session: str, reason: str) -> Pool:
        pool = self._leave(session)
        self.counters[reason] += 1
        self.terms.end(session, reason, pool.pool_id)
        self.known.append(session)
        return pool

    def _leave(self, session: str) -> Pool:
        pool = self.where.pop(session)
        del self.placed[session]
        pool.sessions.remove(session)
        if pool.serves:
            self.spec.complete(pool.pool_class, pool.bit)
        if self.with_naive:
            self.naive.complete(pool.pool_class, pool.bit)
        return pool

    def adopt(self, pool: Pool) -> None:
        self.serial += 1
        session = f"s{self.serial}"
        word, kind = self._lease_word(), self.types.any()
        self._queue("adopt", session, pool.pool_id, word, type_option(kind))
        if kind == UNKNOWN:
            self.expected.append(self.types.unknown())
            return
        if not self.types.may_use(kind, pool.pool_class):
            self.expected.append(self.types.refuse("INCOMPATIBLE", kind)[:1])
            return
        if len(pool.sessions) >= self.capacities[pool.pool_class]:
            self.expected.append(["OVER_CAPACITY"])
            return
        term = self.terms.begin(session, word, self._batch_time())
        pool.sessions.append(session)
        self._placed(session, pool, kind)
        self.counters["adopted"] += 1
        self.expected.append(["ADOPTED", *self._place_of(session), *term, ""])
        self.refresh(pool)

    def _queue(self, *words: Any) -> None:
        self.pending += words
        self.operations += 1

    def flush(self) -> None:
        """Send what is pending as one batch and compare every outcome, then r and the counts."""
        if self.pending:
            word, outcomes, _ = self.run("batch", *self.pending)
            assert word == "BATCH"
            self.answers.update(" ".join(one[: 1 + (one[0] == "ENDED")]) for one in self.expected)
            assert [o[: len(e)] for o, e in zip(outcomes, self.expected, strict=True)] == self.expected
            self.pending, self.expected = [], []
        self.compare_state()

    def compare_state(self) -> None:
        """r, thresholds and token counts of the store are the specification's."""
        state = rawstate.fields(self.redis, FLEET)
        assert (state["suspect"], self._sums(state)) == ("", self.sums)
        assert int(state["sessions"]) == self.spec.occupancies.sessions
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
        assert self.types.refusals(stored) == self.types.refused

    @staticmethod
    def _sums(state: Mapping[str, str]) -> dict[str, list[float]]:
        parts = ("drawn", "difference", "squares")
        return {source: [float(state[f"{source}_{part}"]) for part in parts] for source in ("placed", "reported")}

    # --- Pools

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

    def add_pool(self, i: int) -> None:
        self.serial += 1
        taken = {p.bit for p in self.pools if p.pool_class == i}
        bit = next(k for k in range(len(taken) + 1) if k not in taken)
        pool = Pool(f"p{self.serial}", i, bit)
        assert self.change("add_pools", "", pool.pool_id, self.names[i], "", "") == ["CREATED", 1, pool.pool_id]
        self._take_place(pool)

    def _take_place(self, pool: Pool) -> None:
        self.pools.append(pool)
        if self.with_naive and not any(
            (p.pool_class, p.position) == (pool.pool_class, pool.bit) for p in self.naive.pools
        ):
            self.naive.add(pool.pool_class, active=False)
        self.refresh(pool)

    def set_status(self, pool: Pool, status: str, drain: str = "") -> None:
        before, pool.status = pool.status, status
        reply = self.change("set_status", pool.pool_id, status, drain)
        held = len(pool.sessions)
        assert reply == ["POOL", pool.pool_id, self.names[pool.pool_class], status, held, "", "", ANY, drain]
        self._restate(pool, before)
        assert reply[-2] == pool.liveness
        self.refresh(pool)
        self._renew(pool)

    def drain_then_fail(self, pool: Pool) -> None:
        """The deadline has passed by the next tick, which fails a pool with sessions and ends those."""
        self.set_status(pool, "draining", "1 fail")
        self.tick()
        if pool.sessions:
            pool.status = "failed"
            self._restate(pool, "draining")
        for session in list(pool.sessions):
            self._end(session, "failed")
        self.refresh(pool)
        self._end_guards_of_half()

    def _restate(self, pool: Pool, before: str) -> None:
        """One that fails is not unconfirmed; one that had failed has a lease anew, or is unconfirmed as others are."""
        if pool.status == "failed" and pool.liveness == "unconfirmed":
            self._doubt_no_more(pool)
            pool.liveness = "lost"
        if before == "failed" and pool.status != "failed":
            doubted = pool.lease_seconds and any(
                p.liveness == "unconfirmed" and p.pool_class == pool.pool_class for p in self.pools
            )
            pool.liveness = "unconfirmed" if doubted else "alive"
            self.doubted.setdefault(pool.pool_class, set()).update([pool.pool_id] if doubted else [])

    def _renew(self, *pools: Pool) -> None:
        """Pools that had failed or moved have their last lease anew: a short one is renewed before it ends."""
        short = [p for p in pools if p.lease_seconds == SHORT_LEASE and p.liveness == "alive" and p.status != "failed"]
        self.beat(short, LONG_LEASE)
        self._end_guards_of_half()

    def _doubt_no_more(self, pool: Pool) -> None:
        """An unconfirmed pool ceases to be one without having been heard."""
        if pool.liveness == "unconfirmed":
            self.doubted[pool.pool_class].discard(pool.pool_id)

    def remove(self, pool: Pool) -> None:
        reply = self.change("remove_pool", pool.pool_id)
        if pool.sessions:
            assert reply == ["NOT_EMPTY"]
            return
        assert reply == ["REMOVED"]
        self._doubt_no_more(pool)
        self.pools.remove(pool)
        pool.status = "removed"
        self.refresh(pool)
        self._renew()

    def move(self, pool: Pool, i: int) -> None:
        reply = self.change("move_pool", pool.pool_id, self.names[i])
        if pool.sessions and i != pool.pool_class:
            assert reply == ["NOT_EMPTY"]
        elif i != pool.pool_class:
            assert reply[:-1] == ["POOL", pool.pool_id, self.names[i], pool.status, 0, "", "", "alive"]
            self._doubt_no_more(pool)
            pool.liveness = "alive"
            self.pools.remove(pool)
            if self.with_naive:
                self.naive.pool(pool.pool_class, pool.bit).active = False
            taken = {p.bit for p in self.pools if p.pool_class == i}
            pool.pool_class, pool.bit = i, next(k for k in range(len(taken) + 1) if k not in taken)
            self._take_place(pool)
            self._renew(pool)

    def change_pools(self) -> None:
        """One random administrative act."""
        act = self.rng.randrange(9)
        pool = self.rng.choice(self.pools) if self.pools else None
        if pool and self.drain_rng.random() < 0.3:
            drained = self.drain_rng.choice(self.pools)
            self.drain_then_fail(drained)
            self.set_status(drained, self.drain_rng.choice(["active", "draining", "failed"]))
        if act == 0 and len(self.pools) < 40:
            self.add_pool(self.rng.randrange(len(self.names)))
        elif act == 1 and pool:
            self.set_status(pool, self.rng.choice(["active", "draining", "failed"]))
        elif act == 2 and pool:
            self.remove(pool)
        elif act == 3 and pool:
            self.move(pool, self.rng.randrange(len(self.names)))
        elif act == 4:
            self._set_class(self.rng.randrange(len(self.names)), "draining")
        elif act in (5, 6):
            self._set_class(self.rng.randrange(len(self.names)), "active")
        elif pool:
            for _ in range(self.rng.randint(1, 4)):
                self.adopt(pool)

    def _set_class(self, i: int, status: str) -> None:
        """All pools of a class: those that have not failed by its name, then the failed ones by their ids, twice."""
        mine = [p for p in self.pools if p.pool_class == i and p.status != status]
        failed = [p for p in mine if p.status == "failed"]
        self.set_statuses([p for p in mine if p.status != "failed"], status, self.names[i])
        self.set_statuses(failed, status, "", *2 * [p.pool_id for p in failed])

    def set_statuses(self, changing: Sequence[Pool], status: str, *selection: str) -> None:
        """`selection` is what the store is told, and must change these."""
        word, count, *ids = self.change("set_statuses", status, "", *selection)
        assert (word, set(ids[:count])) == ("CHANGED", {p.pool_id for p in changing})
        for pool in changing:
            before, pool.status = pool.status, status
            self._restate(pool, before)
        self.refresh(*changing)
        self._renew(*changing)

    # --- Leases of pools

    def change_leases(self) -> None:
        """One random act of pools or of an operator that concerns leases."""
        act, i = self.lease_rng.randrange(4), self.lease_rng.randrange(len(self.names))
        mine = [p for p in self.pools if p.pool_class == i and p.status != "failed"]
        if act == 0:
            self.beat([p for p in self.pools if self.lease_rng.random() < 0.5], LONG_LEASE)
        elif act == 1:
            self.end_guard()
        elif len([p for p in mine if p.status == "active"]) >= 3:
            self.lose_all(mine)
            self.beat([p for p in mine if self.lease_rng.random() < 0.4], LONG_LEASE)

    def beat(self, pools: Sequence[Pool], ttl: int) -> None:
        """These pools send a heartbeat."""
        if not pools:
            return
        ids = " ".join(p.pool_id for p in pools)
        letters = self.run("beat", ids, " ".join([str(ttl)] * len(pools)), " ".join("-" * len(pools)))[2]
        assert letters == "".join(map(self._letter, pools))
        for pool in pools:
            if pool.status != "failed":
                pool.lease_seconds, pool.liveness = ttl, "alive"
        self._end_guards_of_half()
        self.refresh(*pools)

    @staticmethod
    def _letter(pool: Pool) -> str:
        if pool.status == "failed":
            return "f"
        return "b" if pool.liveness in {"lost", "gone"} else "o" if pool.lease_seconds else "n"

    def lose_all(self, mine: Sequence[Pool]) -> None:
        """All pools of a class fall silent at once: those in service become unconfirmed, the others are lost."""
        self.beat(mine, SHORT_LEASE)
        self.pass_seconds(2.6)
        for pool in mine:
            pool.liveness = "unconfirmed" if pool.status == "active" else "lost"
        self.doubted[mine[0].pool_class] = {p.pool_id for p in mine if p.status == "active"}
        self.refresh(*mine)

    def end_guard(self) -> None:
        """An operator says that silent pools are dead."""
        names = {self.names[p.pool_class] for p in self.pools if p.liveness == "unconfirmed"}
        assert set(self.change("end_guard", "")[1:]) == names
        self._lose_unconfirmed(range(len(self.names)))

    def _end_guards_of_half(self) -> None:
        """Two leases after half of a class's unconfirmed pools were heard, the others are lost."""
        for i, doubted in self.doubted.items():
            silent = [p for p in self.pools if p.pool_id in doubted and p.liveness == "unconfirmed"]
            if silent and 2 * (len(doubted) - len(silent)) >= len(doubted):
                self.pass_seconds(4.1)
                self._lose_unconfirmed([i])

    def _lose_unconfirmed(self, classes: Collection[int]) -> None:
        self.pass_seconds(0)
        losing = [p for p in self.pools if p.liveness == "unconfirmed" and p.pool_class in classes]
        for pool in losing:
            pool.liveness = "lost"
        self.refresh(*losing)

    def pass_seconds(self, seconds: float) -> None:
        """Time passes, then dispatchers tick."""
        self.now += round(seconds * 1e6)
        self.tick()

    # --- Leases and ends of sessions

    def tick(self) -> None:
        """Dispatchers tick until nothing is left to do; sessions end whose lease is over."""
        while self.run("tick", "")[1]:
            pass
        since = self.terms.since
        for session in self.terms.tick(self.now - self.began):
            self._end(session, "expired")
        if self.terms.since != since and not self._may_replay():
            self.answered.clear()

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

    def use_id(self) -> None:
        """A call about a session that lives, has lived, or is unknown."""
        act, now = self.time_rng.choice(["renew", "assign", "assign touch", "complete", "end"]), self._batch_time()
        session = self.time_rng.choice([*self.where, "u0"]) if act == "end" else self._some_id()
        pool, word = self.where.get(session), self._lease_word()
        ended = None if pool else self.terms.ended(session, now)
        if act == "end":
            self._end_by_report(session, pool, now)
        elif act == "renew":
            self._queue("renew", session, word, "", "")
            there = [*self._place_of(session), *self.terms.restart(session, word, now), ""] if pool else []
            self.expected.append(["RENEWED", *there] if pool else ["EXPIRED"] if ended else ["UNKNOWN"])
            self._answer(session, self.expected[-1][0])
        elif act == "complete" and not pool:
            options = self.time_rng.choice(["", "unmarked"])
            self._queue("complete", session, "", "", options)
            if ended and ended[1] != "completed_before_assign":
                self.expected.append(ended)
            else:
                self.expected.append(["UNMARKED" if options else "UNKNOWN"])
                if options:
                    self._answer(session, "UNKNOWN")
                else:
                    self.terms.bury(session, now)
        elif act != "complete" and (pool or ended):
            touch = act.removeprefix("assign")
            self._queue("assign", session, word, "0.5", touch + type_option(self.types.any()))
            term = self.terms.restart(session, word, now) if touch and pool else self.terms.live.get(session, [])
            self.expected.append(ended or ["REPLAYED", *(self._place_of(session) if pool else []), *term, ""])

    def _end_by_report(self, session: str, pool: Pool | None, now: int) -> None:
        """A pool's list, of now or of another moment, has the session no more."""
        others = [*self.pools, Pool("nobody", 0, 0)]
        by = pool if pool and self.time_rng.random() < 0.7 else self.time_rng.choice(others)
        start = self.terms.live[session][1] if pool else now
        at = self.time_rng.choice([now, now, now + 1, start, start + 1])
        self._queue("end", session, by.pool_id, "reported_ended", f"{self.epoch}:{at}")
        if at > now:
            self.expected.append(["STALE_REPORT", f"{self.epoch}:{now}"])
        elif not pool:
            self.expected.append(["UNKNOWN"])
        elif by is not pool or start >= at:
            self.expected.append(["KEPT"])
        else:
            self._end(session, "reported_ended")
            self.expected.append(["ENDED_NOW"])

    def _answer(self, session: str, word: str) -> None:
        """Who was told that an id is unknown is not contradicted by a replay, for 300 s after one."""
        if word == "UNKNOWN" and self._may_replay():
            self.answered.add(session)

    def _may_replay(self) -> bool:
        until = self.terms.held_until
        return until > 0 and self._batch_time() < until + REPLAY_SECONDS * SECOND

    def _some_id(self) -> str:
        kinds = [list(self.where), self.known[-20:], self.known, [f"u{self.time_rng.randint(0, 3)}"]]
        return self.time_rng.choice(self.time_rng.choice([kind for kind in kinds if kind]))

    def let_leases_end(self) -> None:
        """No lease ends within the batches that follow; sometimes time passes until many have."""
        many = self.time_rng.random() < 0.3
        while self.terms.next_due() < self._batch_time() + 4 * many * SECOND + SECOND // 2:
            self.pass_seconds(0.6)

    def let_time_pass(self) -> None:
        """A replay at times, a lease or more that end, or ids that are forgotten."""
        if self.time_rng.random() < 0.2:
            self.replay()
        self.let_leases_end()
        if self.time_rng.random() < 0.15:
            self.grow_old()

    def grow_old(self) -> None:
        """Time passes until ended ids are forgotten, while no pool waits for its own time."""
        for _ in range(self.time_rng.randint(10, 70) if self.is_calm() else 0):
            self.pass_seconds(4)

    def is_calm(self) -> bool:
        """Whether no pool waits for its own time."""
        return all(pool.liveness == "alive" and pool.lease_seconds != SHORT_LEASE for pool in self.pools)

    # --- Replay

    def replay(self) -> None:
        """Dispatchers replay facts, true ones or not, twice; then no lease ends for five seconds."""
        self.let_leases_end()
        if not self.is_calm() or not self.pools:
            return
        facts = [self._fact() for _ in range(self.time_rng.randint(1, 20))]
        for _ in range(2):
            expected = [self._replayed(*fact) for fact in facts]
            incarnation = rawstate.fields(self.redis, FLEET)["incarnation"]
            word, outcomes, _ = self.run("replay", incarnation, *(word for fact in facts for word in fact))
            assert (word, [one[0] for one in outcomes]) == ("BATCH", expected)
            self.answers.update(f"replay {one}" for one in expected)
            self._expect_facts()
        self.compare_state()
        for _ in range(3):
            self.pass_seconds(2)

    def lose_writes(self) -> None:
        """The store has lost writes of this moment, and begins another incarnation."""
        self.answered.clear()
        self._expect_facts()

    def _expect_facts(self) -> None:
        self.terms.held_until = self.now - self.began + 5 * SECOND

    def _fact(self) -> tuple[str, str, str, Any, Any, Any]:
        session, pool, now = self._some_id(), self.time_rng.choice(self.pools), self._batch_time()
        pool = self.where.get(session, pool) if self.time_rng.random() < 0.5 else pool
        if self.time_rng.random() < 0.3:
            return "ended", session, pool.pool_id, self.time_rng.choice(["", "completed", "expired"]), "", ""
        lease = self.time_rng.choice([0, self.time_rng.randint(1, 9 * SECOND)])
        start = self.time_rng.randint(max(0, now - 3 * SECOND), now + 3 * SECOND)
        due = lease and (start + lease) // SECOND + 1
        pool_id = "nobody" if self.time_rng.random() < 0.1 else pool.pool_id
        kind = self.types.any()
        return "placed", session, pool_id if kind == DEFAULT_TYPE else f"{pool_id} {kind}", lease, start, due

    def _replayed(self, kind: str, session: str, pool_id: str, *words: Any) -> str:
        """Take a fact over; what the store must answer."""
        now = self._batch_time()
        if kind == "placed":
            return self._replay_placed(session, pool_id, *words)
        if session in self.where:
            self._end(session, words[0] or "completed")
            return "ENDED_NOW"
        if self.terms.ended(session, now):
            return "ENDED"
        self.terms.remember(session, words[0], pool_id, now)
        return "REMEMBERED"

    def _replay_placed(self, session: str, pool_and_type: str, lease: int, start: int, due: int) -> str:
        pool_id, _, kind = pool_and_type.partition(" ")
        now, before = self._batch_time(), self.where.get(session)
        pool, start, answer = next((p for p in self.pools if p.pool_id == pool_id), None), min(start, now), "PRESENT"
        if not before or (before is not pool and self.terms.live[session][1] < start):
            answer = self._replay_place(session, pool, kind, lease, start)
        elif before is pool:
            self.terms.live[session][1] = max(start, self.terms.live[session][1])
        if session in self.where and self.terms.lengthen(session, lease, due, now):
            answer = "LENGTHENED" if answer == "PRESENT" else answer
        return answer

    def _replay_place(self, session: str, pool: Pool | None, kind: str, lease: int, start: int) -> str:
        now, before = self._batch_time(), self.where.get(session)
        if not before and session in self.answered:
            return "UNKNOWN"
        if not pool:
            return "UNKNOWN_POOL"
        if not before and self.terms.ended(session, now):
            return "ENDED"
        kind = kind if kind in self.types.sets and self.types.may_use(kind, pool.pool_class) else DEFAULT_TYPE
        kind = self.types.kind(session) if before else kind
        if not self.types.may_use(kind, pool.pool_class):
            return self.types.refuse("INCOMPATIBLE", kind)[0]
        if len(pool.sessions) >= self.capacities[pool.pool_class]:
            return "OVER_CAPACITY"
        if before:
            self._leave(session)
        else:
            self.terms.begin(session, str(lease), now)
        self.terms.move(session, start)
        self._enter(session, pool, kind)
        self.counters["adopted"] += not before
        self.refresh(pool)
        return "MOVED" if before else "PLACED"

    # --- A life

    def live(self, operations: int) -> None:
        """Run until `operations` session operations are done: load that swings, pools that come and go."""
        rising = 0.6
        while self.operations < operations:
            self.let_time_pass()
            rising = self.rng.choice([0.2, 0.4, 0.5, 0.6, 0.9]) if self.rng.random() < 0.1 else rising
            for _ in range(self.rng.choice([1, 3, 10, 30, 100])):
                if self.rng.random() < rising or not self.where:
                    self.arrive()
                else:
                    self.depart(self.rng.choice(list(self.where)))
                if self.time_rng.random() < 0.3:
                    self.use_id()
            self.flush()
            if self.rng.random() < 0.3:
                self.change_pools()
                self.flush()
            if self.lease_rng.random() < 0.1:
                self.change_leases()
                self.flush()
            if self.order_rng.random() < 0.02:
                self.reorder()
                self.flush()
            if self.may_have_types() and self.types.rng.random() < 0.15:
                self.retype()
                self.flush()
            if self.rng.random() < 0.01:
                self.audit()
        self.audit()

    def audit(self) -> None:
        """The fleet's invariants hold, and each session's record says how it came to its pool."""
        assert violations(self.redis, FLEET) == []
        records = self.redis.hgetall(f"{{{FLEET}}}:sessions")
        assert {str(session): str(record).split()[5] for session, record in records.items()} == self.placed


def worlds(
    redis: Redis,
    seeds: Sequence[int],
    policy: Policy,
    operations: int,
    *,
    with_naive: bool = False,
    library: Library | None = None,
) -> tuple[Counter[str], Counter[str]]:
    """Live through a fleet for each seed; how often each token decided, or each word answered a report; all answers."""
    seen, answers = Counter[str](), Counter[str]()
    for seed in seeds:
        world = World(redis, seed, policy, with_naive=with_naive, library=library)
        world.live(operations)
        seen += world.seen
        answers += world.answers
    return seen, answers
