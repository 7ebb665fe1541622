"""Report of a replay: counts and latencies while it runs, and a summary at any moment."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

from slta_loadgen.latency import Latency, Percentiles
from slta_loadgen.retry import REJECTIONS, FinalReply

_NO_ASSIGNS = {"placed": 0, "rejections": 0, "errors": 0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Summary of a replay since its warm-up. `window_seconds` ends when the last arrival was sent, on time or late.

    Each of the `arrivals` was `placed`, is one of the `rejections` (no room) or `errors` (no usable response), or is
    in flight. `completions` are those on schedule; failed ones are `errors` too. `target_rate` is the scheduled
    arrivals per second, `achieved_rate` those placed or rejected per second of the window. `unsettled_sessions`
    may still occupy a pool.

    `assign_ms` and `complete_ms` count from the scheduled moment to the last reply, retries included. For assigns they
    split into `lateness_ms`, until the first request was written (the load generator's share), and `service_ms`, the
    rest. `outcomes[call][code]` counts last replies; `settle` and `drain` are calls off schedule. `session_types` has
    of each type that the sessions name the assigns that were `placed`, `rejections` and `errors`.
    """

    window_seconds: float
    arrivals: int
    placed: int
    rejections: int
    completions: int
    errors: int
    retries: int
    live_sessions: int
    unsettled_sessions: int
    target_rate: float
    achieved_rate: float
    assign_ms: Percentiles
    complete_ms: Percentiles
    lateness_ms: Percentiles
    service_ms: Percentiles
    outcomes: Mapping[str, Mapping[str, int]]
    session_types: Mapping[str, Mapping[str, int]]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, numbers and strings, ready for JSON."""
        return asdict(self)


class Latencies(NamedTuple):
    """Latencies of assigns in milliseconds: total from the scheduled moment, and its two parts."""

    assign: Percentiles
    lateness: Percentiles
    service: Percentiles


class Tally:
    """Counters since `since_seconds`. A call counts in the tally under which it began."""

    def __init__(self, since_seconds: float) -> None:
        self.since_seconds = since_seconds
        self.arrivals = 0
        self.placed = 0
        self.rejections = 0
        self.completions = 0
        self.errors = 0
        self.retries = 0
        self.outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.session_types: defaultdict[str, Counter[str]] = defaultdict(partial(Counter, _NO_ASSIGNS))
        self.assign = Latency()
        self.complete = Latency()
        self.lateness = Latency()
        self.service = Latency()
        self._scheduled_until_seconds = since_seconds
        self._closed: tuple[float, int] | None = None

    def arrived(self, due_seconds: float) -> None:
        self.arrivals += 1
        self._scheduled_until_seconds = due_seconds

    def assigned(
        self,
        answer: FinalReply,
        due_seconds: float,
        written_seconds: float | None,
        at_seconds: float,
        session_type: str | None,
    ) -> None:
        """Count an assign. `written_seconds` is None if no connection was free to send it."""
        self.count("assign", answer)
        self.assign.record(at_seconds - due_seconds, at_seconds)
        if written_seconds is not None:
            self.lateness.record(written_seconds - due_seconds, at_seconds)
            self.service.record(at_seconds - written_seconds, at_seconds)
        result = "placed" if answer.reply.ok else "rejections" if answer.reply.code in REJECTIONS else "errors"
        self.placed += result == "placed"
        self.rejections += result == "rejections"
        self.errors += result == "errors"
        if session_type is not None:
            self.session_types[session_type][result] += 1

    def completed(self, answer: FinalReply, latency_seconds: float, at_seconds: float) -> None:
        self.count("complete", answer)
        self.complete.record(latency_seconds, at_seconds)
        if answer.reply.ok:
            self.completions += 1
        else:
            self.errors += 1

    def count(self, call: str, answer: FinalReply) -> None:
        self.outcomes[call][answer.reply.code] += 1
        self.retries += answer.retries

    def recent(self, at_seconds: float) -> Latencies:
        """Latencies of the last ten seconds."""
        return Latencies(*(of.recent(at_seconds) for of in (self.assign, self.lateness, self.service)))

    def close(self, at_seconds: float, schedule_end_seconds: float) -> None:
        """End the window, perhaps late. With an infinite schedule it ends at the last arrival."""
        self._closed = (at_seconds, self.placed + self.rejections)
        if schedule_end_seconds < math.inf:
            self._scheduled_until_seconds = schedule_end_seconds

    def summary(self, at_seconds: float, *, live_sessions: int, unsettled_sessions: int) -> Summary:
        until_seconds, answered = self._closed or (at_seconds, self.placed + self.rejections)
        window_seconds = until_seconds - self.since_seconds
        scheduled_seconds = self._scheduled_until_seconds - self.since_seconds
        return Summary(
            window_seconds=window_seconds,
            arrivals=self.arrivals,
            placed=self.placed,
            rejections=self.rejections,
            completions=self.completions,
            errors=self.errors,
            retries=self.retries,
            live_sessions=live_sessions,
            unsettled_sessions=unsettled_sessions,
            target_rate=self.arrivals / scheduled_seconds if scheduled_seconds > 0 else 0.0,
            achieved_rate=answered / window_seconds if window_seconds > 0 else 0.0,
            assign_ms=self.assign.overall(),
            complete_ms=self.complete.overall(),
            lateness_ms=self.lateness.overall(),
            service_ms=self.service.overall(),
            outcomes={call: dict(codes) for call, codes in self.outcomes.items()},
            session_types={name: dict(results) for name, results in self.session_types.items()},
        )
