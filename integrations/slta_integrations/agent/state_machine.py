"""State machine of the agent, without I/O: it is asked for the next call and the next probe, and given the results."""

from __future__ import annotations

import random
from math import inf

from slta_client.replies import Reply
from slta_client.rules import bound_seconds, pause_seconds
from slta_integrations.agent import calls, settling
from slta_integrations.agent.calls import Call
from slta_integrations.agent.config import AgentFile
from slta_integrations.agent.metrics import Metrics
from slta_integrations.agent.pool import ABSENT, Pool, Step
from slta_integrations.agent.probing import COUNT_WAIT_SECONDS, Probes
from slta_integrations.notices import Notices

MIN_TIMEOUT_SECONDS = 0.5
MAX_TIMEOUT_SECONDS = 5.0
FIRST_DELAY_SECONDS = 0.1
REFUSED_DELAY_SECONDS = 5.0
LEAVE_SECONDS = 1.0
"""Between two attempts to remove a pool that has sessions."""


class Agent:
    """Agent of the pools of one file. At most one call and one probe are under way. Times are of one steady clock."""

    def __init__(self, file: AgentFile, metrics: Metrics, notices: Notices, rng: random.Random) -> None:
        self.pools = {entry.pool_id: Pool(entry) for entry in file.pools}
        self.probes = Probes(list(self.pools.values()), metrics, notices)
        self.timeout_seconds = min(max(file.ttl_seconds / 4, MIN_TIMEOUT_SECONDS), MAX_TIMEOUT_SECONDS)
        """Of a call: a call without an answer leaves time for three others within a lease."""
        self._ttl = file.ttl_seconds
        self._drain_seconds = file.drain_seconds
        self._metrics = metrics
        self._notices = notices
        self._rng = rng
        self._beat_at = -inf
        self._retry_at = -inf
        self._attempts = 0
        self._leave_by = inf

    @property
    def is_present(self) -> bool:
        """Whether slta has a pool of the agent, as far as known."""
        return any(pool.beats for pool in self.pools.values())

    @property
    def left(self) -> list[str]:
        """Pools that have not left."""
        return [pool.id for pool in self.pools.values() if not pool.has_left]

    def leave(self, now: float) -> None:
        """Drain all pools, and remove each when it is empty."""
        self._leave_by = now + self._drain_seconds
        self._notices.tell(f"Stopping: the pools are drained, and removed when empty, for {self._drain_seconds:g} s")
        for pool in self.pools.values():
            pool.leave()

    def is_over(self, now: float) -> bool:
        """Whether all pools have left, or their time is over."""
        return now >= self._leave_by or not self.left

    def next_call(self, now: float) -> Call | float:
        """The call to make now, or when to ask again: at that time, after a probe, or after `leave`.

        Heartbeats come first, and nothing while slta is away. O(pools).
        """
        if now < self._retry_at:
            return min(self._retry_at, self._leave_by)
        beating = [pool for pool in self.pools.values() if pool.beats]
        if beating and now >= self._beat_at:
            count_by = self._beat_at + COUNT_WAIT_SECONDS
            is_ready = now >= count_by or self.probes.are_counted()
            return calls.heartbeats(beating, self._ttl) if is_ready else count_by
        ready = [(step, pool) for pool in self.pools.values() if now >= pool.retry_at and (step := pool.step())]
        if not ready:
            later = [pool.retry_at for pool in self.pools.values() if pool.retry_at > now and pool.step()]
            return min([*later, self._leave_by, *([self._beat_at] if beating else [])])
        step, pool = min(ready, key=lambda pair: pair[0] is not Step.READ)
        if step is Step.REGISTER:
            return calls.register([pool for step, pool in ready if step is Step.REGISTER])
        return _call(step, pool)

    def answered(self, call: Call, reply: Reply, sent_at: float, now: float) -> None:
        """Apply the reply to a call that was sent at `sent_at`."""
        self._metrics.calls.labels(call.kind, reply.code or "ok").inc()
        pools = [self.pools[id_] for id_ in call.pool_ids]
        if call.kind == "heartbeats":
            self.probes.plan(inf)
        for pool in pools if call.kind == "register" else ():
            pool.beats = pool.beats or pool.status != ABSENT
        if reply.may_pass:  # slta did not answer the question: the next call is as likely to fail
            self._back_off(reply, now)
            return
        self._attempts, self._retry_at = 0, -inf
        if call.kind == "heartbeats":
            self._settle_heartbeats(pools, reply, sent_at, now)
        elif settling.SETTLE[call.kind](pools, reply, self._metrics):
            self._notices.over(f"{call.kind} {pools[0].id}", f"{call.kind} of {pools[0].id}: slta accepts it again.")
            if any(pool.beats and not pool.has_lease for pool in self.pools.values()):
                self._beat_at = now
            if call.kind == "remove":
                self._notices.tell(f"The pool {pools[0].id} is removed.")
        else:
            self._refused(call, pools, reply, now)

    def _settle_heartbeats(self, pools: list[Pool], reply: Reply, sent_at: float, now: float) -> None:
        if not reply.ok:
            self._notices.say("call", f"slta refuses the heartbeats, they are repeated: {reply.problem}")
            self._beat_at = now + self._delay(REFUSED_DELAY_SECONDS, reply)
            return
        self._notices.over("call", "slta answers again.")
        self._metrics.last_answer_timestamp_seconds.set_to_current_time()
        found = settling.heartbeats(pools, reply, self._metrics, self._notices, now)
        usual = self._ttl * self._rng.uniform(0.25, 1 / 3)
        self._beat_at = sent_at + min(max(found or usual, self._ttl / 10), self._ttl / 2)
        self.probes.plan(self._beat_at)

    def _refused(self, call: Call, pools: list[Pool], reply: Reply, now: float) -> None:
        if reply.code == "pool_not_empty":
            delay = self._delay(LEAVE_SECONDS, reply)
        else:
            message = f"slta refuses {call.kind} of {pools[0].id}, it is repeated: {reply.problem}"
            self._notices.say(f"{call.kind} {pools[0].id}", message)
            delay = self._delay(REFUSED_DELAY_SECONDS, reply)
        for pool in pools:
            pool.retry_at = now + delay

    def _back_off(self, reply: Reply, now: float) -> None:
        """Wait before the next call, up to a quarter of the lease: no more calls than while slta answers."""
        self._notices.say("call", f"No answer from slta, the pools keep their sessions: {reply.problem}")
        most = max(self._ttl / 4, MIN_TIMEOUT_SECONDS)
        self._retry_at = now + self._delay(bound_seconds(self._attempts, FIRST_DELAY_SECONDS, most), reply)
        self._attempts += 1

    def _delay(self, bound: float, reply: Reply) -> float:
        return pause_seconds(bound, reply.retry_after, self._rng.uniform)


def _call(step: Step, pool: Pool) -> Call:
    match step:
        case Step.READ:
            return calls.read(pool)
        case Step.SESSIONS:
            return calls.sessions(pool)
        case Step.REMOVE:
            return calls.remove(pool)
    return calls.change(pool, step.value)
