"""Settings of scale advice: a floor or a budget, and cost, start-up time and limits of each class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from slta.core.limits import MAX_POOLS
from slta.core.session_types.sets import TypeSets

MAX_WINDOW_SECONDS = 14_400
"""Longest history that is kept for the advice: a hold, and the longest lead after it."""
MIN_HOLD_SECONDS = 900.0
"""Shortest default hold."""
LEAD_SECONDS = 60.0
"""Default time from the order of a pool until it is active."""


@dataclass(frozen=True)
class Floor:
    """Minimum mean utility: per session, or as a fraction of the largest marginal utility."""

    amount: float
    is_share: bool

    def by_type(self, sets: TypeSets, firsts: Sequence[float]) -> tuple[float, ...]:
        """Utility per session of each type, from Δ(i, 0) of each class; a share is of the most in the type's classes.

        Raises ValueError if no fleet of these classes can reach it.
        """
        if not self.is_share:
            return (self._of_a_session(firsts),) * len(sets.classes)
        return tuple(self._of_a_session([firsts[c] for c in own]) for own in sets.classes)

    def _of_a_session(self, firsts: Sequence[float]) -> float:
        best = max(firsts)
        if self.is_share and best <= 0:
            raise ValueError("no session adds anything on a pool of these classes: give a utility per session")
        least = self.amount * best if self.is_share else self.amount
        if least > best:
            raise ValueError(f"a session adds at most {best:g} on a pool of these classes, not {least:g}")
        return least


def floor_of(text: str) -> Floor:
    """Parse `0.5`, utility per session, or `95%`, a fraction of max Δ(i, 0). Raises ValueError."""
    is_share = text.endswith("%")
    try:
        amount = float(text.removesuffix("%"))
    except ValueError:
        amount = math.nan
    if not math.isfinite(amount):
        raise ValueError(f"{text.strip()!r} is not a number like 0.5, or a share like 95%")
    if is_share and not 0 < amount <= 100:
        raise ValueError(f"{text} is not a share above 0% and up to 100%")
    return Floor(amount / 100 if is_share else amount, is_share)


@dataclass(frozen=True)
class ClassScale:
    """Cost of a pool of a class, seconds until an ordered one is active, and limits of their number; no `max`: None."""

    cost: float
    lead_seconds: float = LEAD_SECONDS
    min: int = 0
    max: int | None = None

    @property
    def most(self) -> int:
        """`max`, or what a fleet can have."""
        return MAX_POOLS if self.max is None else self.max


@dataclass(frozen=True)
class Scale:
    """What the number of pools aims at, `floor` or `budget`, and `classes` in the order of the fleet's.

    The advice is for the largest load of the last `hold_seconds`; None for 15 minutes or, if longer, a mean stay.
    """

    classes: tuple[ClassScale, ...]
    floor: Floor | None = None
    budget: float | None = None
    hold_seconds: float | None = None

    @property
    def lead_seconds(self) -> float:
        """The longest of the classes."""
        return max(own.lead_seconds for own in self.classes)

    @property
    def window_seconds(self) -> int:
        """History that the advice may need, from 1 s to `MAX_WINDOW_SECONDS`, which a default hold may come to."""
        hold = MAX_WINDOW_SECONDS if self.hold_seconds is None else self.hold_seconds
        return max(1, min(math.ceil(hold + self.lead_seconds), MAX_WINDOW_SECONDS))

    def hold(self, mean_stay: float) -> float:
        """Seconds of the hold with a mean stay in seconds."""
        default = min(max(MIN_HOLD_SECONDS, mean_stay), MAX_WINDOW_SECONDS - self.lead_seconds)
        return default if self.hold_seconds is None else self.hold_seconds

    def changed(self, floor: str | None, budget: float | None, hold_seconds: float | None) -> Scale:
        """The settings with another floor or budget, or another hold. Raises ValueError."""
        if floor is not None and budget is not None:
            raise ValueError("give either floor or budget")
        if (hold_seconds or 0) + self.lead_seconds > self.window_seconds:
            raise ValueError(
                f"hold_seconds and the longest lead_seconds exceed the {self.window_seconds} s that are kept"
            )
        found = self if hold_seconds is None else replace(self, hold_seconds=hold_seconds)
        if floor is not None:
            return replace(found, floor=floor_of(floor), budget=None)
        return found if budget is None else replace(found, floor=None, budget=budget)
