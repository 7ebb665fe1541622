"""The bound of a line's age never says that a line is younger than it is."""

from __future__ import annotations

import math

import pytest

from slta_integrations.follow import checkpoints
from slta_integrations.follow.checkpoints import Checkpoints, age_bound


def test_a_line_was_written_after_the_source_was_last_seen_without_it() -> None:
    seen = Checkpoints((0, 0), 100)
    seen.saw_end((0, 0), 105)
    seen.saw_end((0, 50), 110)
    assert seen.written_after((0, 0)) == 105


def test_of_several_checkpoints_before_a_line_the_last_counts() -> None:
    seen = Checkpoints((0, 0), 100)
    for end in (10, 20, 30):
        seen.saw_end((0, end), 100 + end)
    assert [seen.written_after((0, at)) for at in (5, 10, 25, 30, 99)] == [100, 110, 120, 130, 130]


def test_a_later_generation_is_behind_every_place_of_an_earlier_one() -> None:
    seen = Checkpoints((0, 0), 100)
    seen.saw_end((0, 1000), 110)
    seen.saw_end((1, 0), 120)
    assert [seen.written_after(place) for place in ((0, 1000), (1, 0))] == [110, 120]


def test_while_lines_wait_there_is_one_checkpoint_a_second() -> None:
    seen = Checkpoints((0, 0), 100)
    seen.saw_end((0, 10), 100.5)
    seen.saw_end((0, 20), 101)
    seen.saw_end((0, 30), 101.5)
    assert [seen.written_after((0, at)) for at in (20, 30)] == [100.5, 101.5]


def test_beyond_their_number_the_earlier_ones_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "MAX_CHECKPOINTS", 2)
    seen = Checkpoints((0, 0), 100)
    for end in (10, 20, 30):
        seen.saw_end((0, end), 100 + end)
    assert [seen.written_after((0, at)) for at in (0, 30)] == [100, 110]


def test_the_age_is_unbounded_if_the_clock_went_back() -> None:
    assert age_bound(100, 130) == 30
    assert age_bound(100, 99) == math.inf
