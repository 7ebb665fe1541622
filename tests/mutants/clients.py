"""Planted mistakes in the client library."""

from __future__ import annotations

from functools import partial

from tests.mutants import planting

python = partial(planting.python, "clients/python/slta_client", "client")

MUTANTS = {
    "the first retry after a hiccup waits for Retry-After": python(
        "rules", "and not (retry == 0 and rule_of(reply).soon)", "", "placing"
    ),
    "a connection that was closed before costs a token": python(
        "placing", "not (reply.reused or state.budget.spend())", "not state.budget.spend()", "placing"
    ),
    "a retry begins after the deadline": python("placing", "state.clock() + delay >= deadline or ", "", "placing"),
    "retries are saved up without end": python(
        "budget", "min(RESERVE, self._tokens + RATIO)", "self._tokens + RATIO", "placing"
    ),
    "a session that may have been placed is left to its lease": python(
        "placing", "is_open = final.in_doubt or was_open", "is_open = was_open", "placing"
    ),
    "two fleets may have the same session": python(
        "placing", "is_definite and not is_open, final", "is_definite, final", "placing"
    ),
    "the lease counts from the answer": python(
        "placing", "session.leased(final.sent_at)", "session.leased(final.sent_at + 1)", "placing"
    ),
    "a renewal may hang longer than the lease lasts": python(
        "lanes", "if seconds > MIN_LEFT_SECONDS", "if False", "keeping"
    ),
    "a session that ended during its renewal is told that it is lost": python(
        "lanes", "if not self.is_live(item):", "if False:", "keeping"
    ),
    "a renewal waits ever longer after old failures": python(
        "lanes", "self._failures = 0\n            return", "return", "keeping"
    ),
    "an end that is refused is repeated": python("lanes", "if rule_of(outcome).retry:", "if True:", "keeping"),
    "a call that failed is repeated without a pause": python(
        "lanes", "max(self._due_at(), self._not_before)", "self._due_at()", "keeping"
    ),
    "an error in on_lost ends the renewals": python("session", "except Exception:", "except KeyError:", "async_client"),
    "a new connection is taken for a reused one": python(
        "connections", "isinstance(params, aiohttp.TraceConnectionReuseconnParams)", "True", "async_client"
    ),
    "a reply that trickles in outlasts the deadline": python(
        "connections", "_limit(send.seconds)", "_limit(60)", "connections"
    ),
    "a child uses its parent's connections and sessions": python(
        "sync_client", "os.register_at_fork(after_in_child=_begin_in_child)", "pass", "sync_client"
    ),
    "a closed client opens again in a child": python(
        "sync_client", "        self._is_closed = is_closed", "        pass", "sync_client"
    ),
    "a process leaves its last session until the lease ends": python(
        "sync_client", "atexit.register(_close_all)", "pass", "exit"
    ),
    "an interrupted placement is left": python("sync_client", "            done.cancel()\n", "", "exit"),
    "the client's own congestion opens the breaker": python(
        "placing", "if final.reply.code == BUSY:", "if False:", "fallback"
    ),
    "a call goes on after its last caller was cancelled": python("calls", "call.task.cancel()", "pass", "calls"),
    "an id that slta refuses spoils a bulk call": python("calls", " if is_valid else object()", "", "calls"),
    "a late event loop uses up a deadline": python("timer", "min(self._rest, SLICE_SECONDS)", "self._rest", "calls"),
}
