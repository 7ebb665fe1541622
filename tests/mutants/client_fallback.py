"""Planted mistakes in the fallback of the client library."""

from __future__ import annotations

from tests.mutants.clients import python

MUTANTS = {
    # The circuit breaker
    "an answer does not set the failures back": python(
        "breaker", "self._failures, self._seconds, self.open_until = 0, 0.0, -inf", "self.open_until = -inf", "breaker"
    ),
    "all placements probe at once": python("breaker", " or self._probe is not None", "", "breaker"),
    "a failed probe opens for no longer than before": python(
        "breaker", "min(2 * self._seconds", "min(1 * self._seconds", "breaker"
    ),
    "a breaker opens for ever longer": python(
        "breaker", "min(2 * self._seconds, self._limits.max_open_seconds)", "2 * self._seconds", "breaker"
    ),
    "all clients probe at the same time": python("breaker", "self._rng.uniform(0.75, 1.0)", "1.0", "breaker"),
    "a slow placement counts as a failed probe": python(
        "breaker", "elif admission is not None and admission is self._probe:", "else:", "breaker"
    ),
    "a cancelled probe stays under way": python("placing", "fallback.breaker.leave(admission)", "pass", "fallback"),
    "an answer to another call does not end an outage": python(
        "keeping", "fallback.breaker.heard(clock())", "pass", "reports"
    ),
    "any outcome ends an outage": python("keeping", "not all(map(is_away, found))", "found", "reports"),
    # Endpoints
    "endpoints are read by all at the same time": python("copies", " * self._rng.uniform(0.75, 1.25)", "", "copies"),
    "endpoints are read while the breaker is open": python(
        "fallback", "max(self.copies.due_at(), self.breaker.open_until)", "self.copies.due_at()", "copies"
    ),
    "the endpoints of another fleet are used": python("copies", "if endpoints.fleet != fleet:", "if False:", "copies"),
    "unchanged endpoints are sent again": python("copies", "READ_SECONDS, copy.etag)", "READ_SECONDS, None)", "copies"),
    "sessions that slta does not know are forgotten by a reading": python(
        "copies", "for session in unreported() if session.fleet == fleet", "for session in ()", "copies"
    ),
    "a closed client reads endpoints": python("keeping", "and leases.close_at == inf else inf", "else inf", "copies"),
    "the file of another fleet is used": python(
        "copy_file", "for one in found if one.fleet in fleets}", "for one in found}", "copies"
    ),
    "a file that was not finished stays": python("copy_file", "Path(file.name).unlink()", "pass", "copies"),
    "a child forgets its parent's endpoints": python("options", "inherited or {}", "{}", "outages"),
    # Two choices
    "the first of two pools is taken": python(
        "two_choices", "for number in numbers), key=rank)", "for number in numbers), key=id)", "two_choices"
    ),
    "the pool with the fewest sessions is taken whatever its capacity": python(
        "two_choices", ", 0.0) / pool.capacity", ", 0.0) / 1000", "two_choices"
    ),
    "own sessions are not counted": python(
        "two_choices", " + weight * changes.get(pool.pool_id, 0)", "", "two_choices"
    ),
    "each client levels by itself what all see": python("two_choices", "weight * changes", "changes", "two_choices"),
    "for room an own session counts for those of other clients": python(
        "two_choices", "load(pool, changes, 1.0) >= 1", "load(pool, changes, weight) >= 1", "two_choices"
    ),
    "a client is taken for the only one": python(
        "fallback", "known[fleet].sessions / max(live(fleet), 1)", "1.0", "fallback"
    ),
    "a full pool is taken": python("two_choices", "if not is_full(best):", "if True:", "two_choices"),
    "the best of all pools is taken": python("two_choices", "min(2, count))", "count)", "two_choices"),
    # Placements
    "a limit of the key is got round": python(
        "rules", '"rate_limited": _LIMITED', '"rate_limited": _LATER', "fallback"
    ),
    "each fleet has a timeout of its own": python(
        "placing",
        "now + state.timeout if state.fallback is not None else inf",
        "inf",
        "fallback",
    ),
    "a fleet that answered gets the session": python(
        "placing", "away += [fleet] if result.away else []", "away += [fleet]", "fallback"
    ),
    "after a doubtful attempt another fleet gets the session": python(
        "placing", "away = away[-1:] if result.away else []", "pass", "fallback"
    ),
    "before the fallback places slta is asked to end the id": python(
        "placing", " and not may_fall_back:", ":", "fallback"
    ),
    "an open breaker leaves the first fleet only": python(
        "placing", "rule.next_fleet or not final.is_sent", "rule.next_fleet", "fallback"
    ),
    "an id that slta would refuse is placed": python(
        "placing", " or not NAME.fullmatch(wanted.session_id)", "", "fallback"
    ),
    "without endpoints an open breaker refuses at once": python(
        "placing",
        "admission is None and fallback.can_place(wanted.fleets, wanted.session_type)",
        "admission is None",
        "fallback",
    ),
    # Reports
    "the end of a doubtful attempt is not withdrawn": python(
        "leases", "session.in_doubt = self.withdraw(session.fleet, session.id)", "pass", "fallback"
    ),
    "a report is not late": python("reports", '"late": True, ', "", "reports"),
    "a session that slta had keeps the rest of its lease": python(
        "reports", 'if outcome.text("outcome") != "new":', "if False:", "reports"
    ),
    "a refused report is repeated at once": python("reports", "sent_at + AGAIN_SECONDS", "sent_at + 1", "reports"),
    "a report of an ended id is repeated": python(
        "reports", 'if outcome.code == "session_ended":', "if False:", "reports"
    ),
    "a session that may have been reported gets no end": python(
        "reports", "item.in_doubt = item.in_doubt or rule.in_doubt", "pass", "reports"
    ),
    "the end of a reported session is given up with its first lease": python(
        "reports", "session.lease_ends_at = now + session.lease_seconds", "pass", "reports"
    ),
    "a session that ends during its report gets no end": python(
        "reports", " or session.id in self._sent", "", "reports"
    ),
    "a session that slta cannot know is completed": python(
        "reports", "return session.in_doubt or session.id in self._sent", "return True", "reports"
    ),
    "closing leaves the sessions that are not reported": python(
        "leases",
        "for lane in (*self._renewals.values(), *self._reports.values()))",
        "for lane in self._renewals.values())",
        "reports",
    ),
}
