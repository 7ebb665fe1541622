"""The documents stay within their limits of words."""

from __future__ import annotations

from collections import Counter

from tests.docs.words import LIMITS, words_by_page


def test_the_words_of_each_group_are_within_its_limit() -> None:
    sums = sum(words_by_page().values(), Counter[str]())
    assert [f"{group}: {sums[group]}" for group, limit in LIMITS.items() if sums[group] > limit] == []
