"""Reasons why there is no advice: what is known of a fleet may be less than what there is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from slta.core.scaling.offered import Line

MAX_GAP_SECONDS = 150.0
"""Longest interval of the history, of which there is a line a minute."""

Reason = Literal["suspect", "guard", "pools_lost", "store", "history"]


class Health(NamedTuple):
    """Whether the fleet needs a repair, or a mass-loss guard is on; its lost pools; when its time `resumed`, in s."""

    suspect: bool = False
    guarded: bool = False
    lost: int = 0
    resumed: float = -math.inf


class Withheld(NamedTuple):
    """No advice; of each class so many pools may be added."""

    reason: Reason
    may_add: tuple[int, ...]


def reason_to_withhold(health: Health, lines: Sequence[Line], hold: float, lead: float) -> Reason | None:
    """The first of the reasons; None if the lines, oldest first, cover `hold` and `lead` seconds without a loss."""
    if health.suspect or health.guarded or health.lost:
        return "suspect" if health.suspect else "guard" if health.guarded else "pools_lost"
    if not lines:
        return "history"
    begin = lines[-1].end - hold
    broken = any(not 0 < line.seconds <= MAX_GAP_SECONDS for line in lines if line.end >= begin)
    if health.resumed > begin or broken:
        return "store"
    return "history" if lines[0].end - lines[0].seconds > begin - lead else None
