"""The course of a figure in columns and bars."""

from __future__ import annotations

from slta_demo.history import bars, in_columns


def test_columns_hold_means_and_repeat_what_was_before() -> None:
    # Four columns of 10 s: 4 and 6 in the first, nothing in the second, 8 in the third, the fourth is still to come.
    assert in_columns([(1, 4.0), (2, 6.0), (25, 8.0)], duration_seconds=40, columns=4) == [5.0, 5.0, 8.0]


def test_a_point_at_the_very_end_or_after_it_is_in_the_last_column() -> None:
    assert in_columns([(10, 1.0), (12, 3.0)], duration_seconds=10, columns=2) == [0.0, 2.0]


def test_without_points_there_is_no_column() -> None:
    assert in_columns([], duration_seconds=10, columns=5) == []
    assert bars([], top=0.0, rows=3) == ""


def test_a_bar_is_as_high_as_its_share_of_the_top() -> None:
    assert bars([0.5, 1.0, 0.25], top=1.0, rows=1) == "▄█▂"
    assert bars([0.5, 1.0], top=1.0, rows=2) == " █\n██"


def test_the_smallest_is_still_seen_and_takes_no_more_lines_than_it_needs() -> None:
    assert bars([0.0, 0.001], top=1.0, rows=6) == "▁▁"
    assert bars([0.0], top=0.0, rows=6) == "▁"
