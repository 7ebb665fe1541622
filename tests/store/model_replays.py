"""Replays of the model: facts, true ones or not, that dispatchers tell a store again."""

from __future__ import annotations

from typing import Any

from slta.core.session_types import DEFAULT_TYPE
from tests import rawstate
from tests.store.model_fleet import FLEET, SHORT_LEASE, Pool
from tests.store.model_pools import Pools
from tests.store.terms import SECOND


class Replays(Pools):
    """What becomes of facts."""

    def is_calm(self) -> bool:
        """Whether no pool waits for its own time."""
        return all(pool.liveness == "alive" and pool.lease_seconds != SHORT_LEASE for pool in self.pools)

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
