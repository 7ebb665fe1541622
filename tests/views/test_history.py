"""The history of a fleet from lines of integrals that are written down by hand."""

from __future__ import annotations

from typing import Any

import pytest

from slta.models import Arrivals, Integrals
from slta.views.history import Ends, Piece, pieces
from tests.views.test_views import SCALE, SECOND, SPEC, integrals


def line(
    second: int, sessions: float, utility: float, optimum: float, *, a: int = 1, b: int = 0, **changes: Any
) -> Integrals:
    """Integrals at a second: sums so far, in sessions and utility times seconds, with `a` and `b` pools until then."""
    fields = {
        "time": second * SECOND,
        "sessions": (sessions * SECOND, 0.0),
        "utility": (utility * SECOND * SCALE, 0.0),
        "optimum": (optimum * SECOND * SCALE, 0.0),
        "pools": tuple((pools * second * SECOND, 0.0) for pools in (a, b)),
    }
    return integrals(**(fields | changes))


def windows(*rings: list[Integrals], known: dict[Ends, Piece] | None = None) -> list[list[Piece]]:
    """Pieces of each ring, whose lines are given oldest first."""
    given = {window: ring[::-1] for window, ring in enumerate(rings)}
    return list(pieces(given, rings[0][-1], SPEC, known or {})[0].values())


def test_each_piece_is_a_mean_over_its_own_time() -> None:
    """One pool of class a, u = 4, 7, 9: 5 s with one session at 4 of 4, then 5 s with two at 6 of 7."""
    (found,) = windows([line(0, 0, 0, 0), line(5, 5, 20, 20), line(10, 15, 50, 55)])
    assert [(piece.time, piece.seconds) for piece in found] == [(5, 5), (10, 5)]
    assert [piece.utility for piece in found] == pytest.approx([1, 6 / 7])
    assert [piece.placement_gap for piece in found] == pytest.approx([0, 1 / 7])


def test_swings_are_measured_over_the_minute_before_in_whichever_window_it_begins() -> None:
    """A minute: half with one session, half with three; the mean is 6.5 where two would be worth 7."""
    fine = [line(55, 55, 220, 220), line(60, 60, 240, 240), line(90, 90, 360, 360), line(120, 180, 630, 630)]
    coarse = [line(0, 0, 0, 0), line(60, 60, 240, 240)]
    found, _ = windows(fine, coarse)
    assert [piece.swing_gap for piece in found] == pytest.approx([0, 0, 0.5 / 7])


def test_a_piece_has_the_sessions_beside_the_room_and_the_rejections_of_its_time() -> None:
    """A pool of a has room for three sessions; it is there for the last 5 s of ten only."""
    none: Any = {"pools": ((0.0, 0.0), (0.0, 0.0))}
    half: Any = {"pools": ((5.0 * SECOND, 0.0), (0.0, 0.0))}
    counts = [Arrivals(9, 4, 1, 0), Arrivals(9, 4, 3, 0), Arrivals(20, 7, 3, 0)]
    lines = [line(0, 0, 0, 0, arrivals=counts[0], **none), line(5, 0, 0, 0, arrivals=counts[1], **none)]
    (found,) = windows([*lines, line(10, 10, 35, 35, arrivals=counts[2], **half)])
    assert [(piece.sessions, piece.room, piece.rejected) for piece in found] == [(0, 0, 2), (2, 3, 3)]


def test_a_swing_whose_minute_is_not_kept_is_left_out() -> None:
    (found,) = windows([line(0, 0, 0, 0), line(5, 5, 20, 20), line(60, 60, 240, 240)])
    assert [piece.swing_gap for piece in found] == [None, 0]


def test_lines_of_other_curves_are_left_out() -> None:
    ring = [line(0, 0, 0, 0, utilities_version=0), line(5, 5, 99, 99), line(10, 10, 119, 119)]
    (found,) = windows(ring)
    assert [piece.time for piece in found] == [10]


def test_without_an_active_pool_a_piece_has_no_values() -> None:
    ((piece,),) = windows([line(0, 0, 0, 0, a=0), line(5, 0, 0, 0, a=0)])
    assert (piece.utility, piece.least_connections, piece.placement_gap, piece.swing_gap) == (None,) * 4


def test_a_piece_is_computed_once() -> None:
    rings = {300: [line(5, 5, 20, 20), line(0, 0, 0, 0)]}
    _, known = pieces(rings, rings[300][0], SPEC, {})
    again, _ = pieces(rings, rings[300][0], SPEC, known)
    assert again[300][0] is next(iter(known.values()))


def test_least_connections_is_compared_at_the_same_sessions_and_pools() -> None:
    """A pool of a, u = 4, 7, 9, and one of b, u = 3, 5.

    Of two sessions least connections puts one on each, 7 of 7, and of three half of the third on each, 9.5 of 10.
    """
    lines = [line(0, 0, 0, 0, b=1), line(5, 10, 35, 35, b=1), line(10, 25, 85, 85, b=1)]
    (found,) = windows(lines)
    assert [piece.least_connections for piece in found] == pytest.approx([1, 9.5 / 10])
