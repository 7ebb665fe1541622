"""The documents stay within their limits of words."""

from __future__ import annotations

from collections import Counter

from tests.docs.words import LIMITS, comments, words_by_page


def test_the_words_of_each_group_are_within_its_limit() -> None:
    sums = sum(words_by_page().values(), Counter[str]())
    assert [f"{group}: {sums[group]}" for group, limit in LIMITS.items() if sums[group] > limit] == []


def test_a_comment_in_a_code_block_is_what_follows_its_slashes() -> None:
    assert comments("body A  // at most 64 KiB\nGET https://host/v1\n200 B  // last") == "at most 64 KiB last"
