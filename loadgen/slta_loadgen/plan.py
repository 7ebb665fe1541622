"""Load plan: turns options (load or rate, profile, holding times, duration) into a workload."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from slta_loadgen.holding import Holding
from slta_loadgen.profile import DAY_SECONDS, RateProfile, constant, day, parse_profile
from slta_loadgen.type_mix import TypeMix, mixed
from slta_loadgen.workload import PlannedSession, after_warm_up, random_stream, workload

_DEFAULT_DURATION_SECONDS = 60.0


class InvalidPlanError(ValueError):
    """Contradictory options."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Load plan. `load_per_pool` is of active pools, `rate` in arrivals per second; the profile scales either.

    `profile` is `day` or text for `parse_profile`. The default load is 1. It begins after the warm-up,
    which runs at its first rate, and repeats until `duration_seconds` (None: once).
    """

    holding: Holding
    load_per_pool: float | None = None
    rate: float | None = None
    profile: str | None = None
    duration_seconds: float | None = None
    warm_up_seconds: float = 0.0
    endless: bool = False
    seed: int = 1
    session_types: TypeMix | None = None

    def __post_init__(self) -> None:
        if self.load_per_pool is not None and self.rate is not None:
            raise InvalidPlanError("give --load-per-pool or --rate, not both")
        if self.endless and self.duration_seconds is not None:
            raise InvalidPlanError("--duration cannot be combined with --endless")

    @property
    def total_seconds(self) -> float:
        """Time of the last arrival, warm-up included; infinite for an endless run."""
        if self.endless:
            return math.inf
        return self.warm_up_seconds + (self.duration_seconds or self._course().duration_seconds)

    @property
    def types(self) -> list[str]:
        """Names of the session types; empty without any."""
        return [name for name, _ in self.session_types.shares] if self.session_types else []

    def rate_profile(self, active_pools: int) -> RateProfile:
        """Arrival rate. By Little's law a load ρ on n pools takes the rate nρ / mean holding time."""
        if self.rate is not None:
            return self._course().scaled(self.rate)
        if not active_pools:
            raise InvalidPlanError("--load-per-pool: the fleet has no active pools; give --rate, or add pools")
        load = 1.0 if self.load_per_pool is None else self.load_per_pool
        return self._course().scaled(load * active_pools / self.holding.mean_seconds)

    def workload(self, active_pools: int) -> Iterator[PlannedSession]:
        """Endless workload; `total_seconds` cuts it. The same seed gives the same sessions."""
        arrivals = after_warm_up(
            self.warm_up_seconds, self.rate_profile(active_pools), random_stream(self.seed, "arrivals"), cyclic=True
        )
        sessions = workload(arrivals, self.holding, random_stream(self.seed, "holding"))
        if self.session_types is None:
            return sessions
        return mixed(sessions, self.session_types, random_stream(self.seed, "types"))

    def _course(self) -> RateProfile:
        """Profile in units of the load or rate."""
        if self.profile is None:
            return constant(1.0, self.duration_seconds or _DEFAULT_DURATION_SECONDS)
        if self.profile == "day":
            return day(1.0, self.duration_seconds or DAY_SECONDS)
        return parse_profile(self.profile)
