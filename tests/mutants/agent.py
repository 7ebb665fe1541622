"""Planted mistakes in the agent of pools."""

from __future__ import annotations

from functools import partial

from tests.mutants import planting

python = partial(planting.python, "integrations/slta_integrations/agent", "integrations")

MUTANTS = {
    "an unhealthy pool that another agent drained is returned": python(
        "pool", "self.marked and self.is_fit", "self.marked", "agent_state"
    ),
    "a pool that the operator drained is undrained": python(
        "pool", "return Step.UNDRAIN if self.marked and", "return Step.UNDRAIN if", "agent_state"
    ),
    "a pool is drained before it is marked": python(
        "pool", "        if not self.registered:\n            return Step.REGISTER\n", "", "agent_state"
    ),
    "a pool is registered before it is healthy": python(
        "pool", "self.status == ABSENT and self.is_fit and", "self.status == ABSENT and", "agent_state"
    ),
    "a heartbeat revives a pool at an address of before": python(
        "settling",
        "    pool.status, pool.marked = status, MARK in labels\n",
        "    pool.status, pool.marked, pool.beats = status, MARK in labels, True\n",
        "agent_state",
    ),
    "a pool whose address cannot be set has no heartbeats": python(
        "state_machine", "pool.beats = pool.beats or pool.status != ABSENT", "pass", "agent_state"
    ),
    "one failure drains": python("pool", "FAILURES = 3", "FAILURES = 1", "agent_state"),
    "a check that recovers returns a pool that leaves": python(
        "pool", "return self.leaving or self.failures >= FAILURES", "return self.failures >= FAILURES", "agent_state"
    ),
    "a list is taken as soon as slta asks": python(
        "pool", "now + self.entry.sessions.settle_seconds", "now", "agent_state"
    ),
    "a list that waits becomes newer with the next question": python(
        "pool", "if self.entry.sessions and self.listed is None:", "if self.entry.sessions:", "agent_state"
    ),
    "an output of nothing is an empty list": python(
        "probe_output", "    if not text:\n", "    if text is None:\n", "agent_sources"
    ),
    "one output ends the probes of all pools": python(
        "probing", "except Exception as error:", "except UnicodeEncodeError as error:", "agent_state"
    ),
    "what a command started stays": python(
        "sources", "os.killpg(process.pid, signal.SIGKILL)", "process.kill()", "agent_sources"
    ),
    "a command is told the agent's key": python("sources", " if name != KEY_VARIABLE", "", "agent_sources"),
    "no answer ends the pauses between heartbeats": python(
        "state_machine", "        self._attempts += 1\n", "", "agent_state"
    ),
    "Retry-After is not respected": python("state_machine", "bound, reply.retry_after,", "bound, 0,", "agent_state"),
    "slta's time for the next heartbeat is not followed": python(
        "state_machine", "found or usual", "usual", "agent_state"
    ),
    "a rate limit is taken for a refusal": python("state_machine", "in {408, 429}", "in {408}", "agent_state"),
    "a pool that leaves has no heartbeats": python(
        "state_machine", "if pool.beats]\n", "if pool.beats and not pool.leaving]\n", "agent_state"
    ),
    "the time to drain has no end": python(
        "state_machine", "self._leave_by = now + self._drain_seconds", "self._leave_by = inf", "agent_state"
    ),
    "a pool that is gone is not registered again": python(
        "settling",
        'notices.say(kind, f"slta does not have the pool {pool.id}")\n            pool.gone()',
        'notices.say(kind, f"slta does not have the pool {pool.id}")',
        "agent",
    ),
    "a count goes with a later heartbeat": python(
        "probing", "pool.count, pool.count_at = None, beat_at", "pool.count_at = beat_at", "agent_state"
    ),
    "a count that came too late goes with the next heartbeat": python(
        "probing", 'probe.kind == "count" and pool.count_at > now', "False", "agent_state"
    ),
    "a heartbeat does not wait for its count": python(
        "state_machine", "now >= count_by or self.probes.are_counted()", "True", "agent_state"
    ),
    "a heartbeat waits for a count that does not come": python(
        "state_machine", "now >= count_by or self.probes.are_counted()", "self.probes.are_counted()", "agent_state"
    ),
}
