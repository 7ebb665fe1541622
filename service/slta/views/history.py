"""History of a fleet: means over consecutive pieces of time, from the integrals that the store keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from slta.core.fleet import FleetSpec
from slta.models import MICROSECONDS, Integrals
from slta.views.averages import averages, least_connections_gap, mean_totals

SWING_SECONDS = 60
"""Swings are measured over the minute before a point: a shorter piece has hardly any."""

Ends = tuple[Integrals, Integrals, Integrals]
"""Integrals at the end of a piece, at its beginning, and `SWING_SECONDS` before its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Means over the `seconds` before fleet time `time`.

    All are fractions of the bound: `utility` is this placement's, `least_connections` what the same sessions would be
    worth if spread evenly. `swing_gap` is over the last `SWING_SECONDS`, None if less is kept. All are None without
    active pools, and without sessions. `sessions` and `room`, the capacity, are means of the active pools; `rejected`
    is the number of assigns refused for want of a place.
    """

    time: float
    seconds: float
    utility: float | None
    least_connections: float | None
    placement_gap: float | None
    swing_gap: float | None
    sessions: float | None
    room: float | None
    rejected: int


def pieces(
    rings: Mapping[int, Sequence[Integrals]], now: Integrals, spec: FleetSpec, known: Mapping[Ends, Piece]
) -> tuple[dict[int, list[Piece]], dict[Ends, Piece]]:
    """Pieces between consecutive lines of each window, oldest first, and the same by their ends.

    `rings` are lines by window, newest first; those of other utility functions than `now` are left out. Pieces in
    `known` are not computed again.
    """
    lines = {window: [line for line in ring if is_comparable(line, now)] for window, ring in rings.items()}
    by_time = {line.time: line for ring in lines.values() for line in ring}
    every = [by_time[time] for time in sorted(by_time, reverse=True)]
    found = {
        window: {ends: known.get(ends) or _piece(ends, spec) for ends in _ends(ring, every)}
        for window, ring in lines.items()
    }
    by_ends = {ends: piece for window in found.values() for ends, piece in window.items()}
    return {window: list(reversed(by.values())) for window, by in found.items()}, by_ends


def is_comparable(line: Integrals, now: Integrals) -> bool:
    """Whether a line is of the same fleet and utility functions."""
    return (line.store_epoch, line.utilities_version) == (now.store_epoch, now.utilities_version)


def _ends(ring: Sequence[Integrals], every: Sequence[Integrals]) -> Iterable[Ends]:
    for newer, older in pairwise(ring):
        due = newer.time - SWING_SECONDS * MICROSECONDS
        yield newer, older, next((line for line in every if line.time <= due), newer)


def _piece(ends: Ends, spec: FleetSpec) -> Piece:
    newer, older, before = ends
    means, swing = averages(newer, older, spec), averages(newer, before, spec)
    totals = mean_totals(newer, older, spec)
    return Piece(
        time=newer.time / MICROSECONDS,
        seconds=(newer.time - older.time) / MICROSECONDS,
        utility=_share(means.relative(means.utility_gap) if means else None),
        least_connections=_share(least_connections_gap(newer, older, spec)),
        placement_gap=means.relative(means.placement_gap) if means else None,
        swing_gap=swing.relative(swing.swing_gap) if swing else None,
        sessions=totals.sessions if totals else None,
        room=spec.places(totals.pools) if totals else None,
        rejected=_rejected(newer) - _rejected(older),
    )


def _rejected(line: Integrals) -> int:
    counts = line.arrivals
    return counts.rejected_no_capacity + counts.rejected_no_active_pool if counts else 0


def _share(gap: float | None) -> float | None:
    return None if gap is None else 1 - gap
