"""Placements of the model: sessions that a policy places, that others report, or that pools list."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from slta.core.differences import difference_at_placing, is_drawn
from slta.core.policies import Observe
from slta.core.policies.choice import Decision
from slta.store.sessions import type_option
from tests import naive
from tests.store.model_fleet import REJECTED, Pool
from tests.store.model_sessions import Sessions
from tests.store.model_types import UNKNOWN


class Placements(Sessions):
    """How sessions come to their pools."""

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
        session, draw, kind = self._asker(), self.rng.random(), self.types.any()
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
            if self.hold and not low:
                self.terms.refuse(session, self.stay, self._batch_time())
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

    def _asker(self) -> str:
        """A new id, or one of those last refused that is still unknown."""
        now, refused = self._batch_time(), list(self.terms.refused)[-9:]
        waiting = [id_ for id_ in refused if id_ not in self.where and not self.terms.ended(id_, now)]
        if waiting and self.time_rng.random() < 0.5:
            return self.time_rng.choice(waiting)
        self.serial += 1
        return f"s{self.serial}"

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
