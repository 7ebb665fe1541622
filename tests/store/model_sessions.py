"""Sessions of the model: how they end and expire, and what is answered about ids that live or have ended."""

from __future__ import annotations

from typing import Any

from slta.store.sessions import type_option
from tests import rawstate
from tests.store.model_fleet import FLEET, UNKNOWN_STAY, Fleet, Pool
from tests.store.terms import SECOND


class Sessions(Fleet):
    """Lives of sessions, but how they are placed."""

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

    def pass_seconds(self, seconds: float) -> None:
        """Time passes, then dispatchers tick."""
        self.now += round(seconds * 1e6)
        self.tick()

    def tick(self) -> None:
        """Dispatchers tick until nothing is left to do; sessions end whose lease is over."""
        while self.run("tick", "")[1]:
            pass
        self.stay = int(rawstate.fields(self.redis, FLEET)["mean_stay"]) or UNKNOWN_STAY
        for session in self.terms.tick(self.now - self.began):
            self._end(session, "expired")

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
        elif act == "complete" and not pool:
            options = self.time_rng.choice(["", "unmarked"])
            self._queue("complete", session, "", "", options)
            if ended and ended[1] != "completed_before_assign":
                self.expected.append(ended)
            else:
                self.expected.append(["UNMARKED" if options else "UNKNOWN"])
                if not options:
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

    def _some_id(self) -> str:
        refused = list(self.terms.refused)[-9:]
        kinds = [list(self.where), self.known[-20:], self.known, [f"u{self.time_rng.randint(0, 3)}"], refused]
        return self.time_rng.choice(self.time_rng.choice([kind for kind in kinds if kind]))

    def let_leases_end(self) -> None:
        """No lease ends within the batches that follow; sometimes time passes until many have."""
        many = self.time_rng.random() < 0.3
        while self.terms.next_due() < self._batch_time() + 4 * many * SECOND + SECOND // 2:
            self.pass_seconds(0.6)
