"""The uniform choice among pools that are counted by class."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.policies.choice import NOTHING, pick


@pytest.mark.parametrize(("counts", "excluded"), [([0, 0], NOTHING), ([2, 0], 0), ([], NOTHING)])
def test_nothing_is_chosen_from_nothing(counts: list[int], excluded: int) -> None:
    assert pick(counts, excluded, 0.5) == (NOTHING, 0)


@given(counts=st.lists(st.integers(0, 5), min_size=1, max_size=5), excluded=st.integers(-1, 4))
def test_equal_parts_of_the_draw_belong_to_every_candidate(counts: list[int], excluded: int) -> None:
    candidates = [(i, index) for i, count in enumerate(counts) if i != excluded for index in range(count)]
    total = len(candidates)
    chosen = Counter(pick(counts, excluded, (k + 0.5) / (4 * total)) for k in range(4 * total))
    assert chosen == dict.fromkeys(candidates, 4)


@given(count=st.integers(1, 65_536))
def test_the_largest_draw_below_one_chooses_the_last_candidate(count: int) -> None:
    # The product is rounded, but never up to the count.
    assert pick([count], NOTHING, math.nextafter(1, 0)) == (0, count - 1)
