"""Reserves of places: the last free ones of a class are kept for types that have no other class.

The reserve are ρ (1 + √N) places, for the N sessions present of types that have no other class with room. A session
takes one only if all its classes with room are at their reserve: nobody is refused for it. Prices and alternatives
ignore reserves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from slta.core.session_types.sets import TypeSets


def reserve_of(
    sets: TypeSets, pool_class: int, offers: Sequence[object | None], sessions: Sequence[int], reserve: float
) -> tuple[float, tuple[int, ...]]:
    """Reserve of a class in places, and the types that have no other class with room; `offers` as in `Market`.

    >>> reserve_of(TypeSets(((0,), (0, 1))), 0, ["room", "room"], [9, 40], 0.5)
    (2.0, (0,))
    """
    rooms = {c for c, offer in enumerate(offers) if offer is not None and c != pool_class}
    types = tuple(t for t, own in enumerate(sets.members) if pool_class in own and not own & rooms)
    return (reserve * (1 + math.sqrt(sum(sessions[t] for t in types))) if types else 0.0), types
