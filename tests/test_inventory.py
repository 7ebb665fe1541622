"""An inventory test fails with each case that is wrong, and cannot pass without having looked."""

from __future__ import annotations

import pytest

from tests.inventory import each


def test_it_fails_with_every_case_that_is_wrong_and_no_other() -> None:
    @each(("number", "square"), [(1, 1), (2, 5), (3, 9), (4, 4)])
    def is_square(number: int, square: int) -> None:
        assert number * number == square, "no square"

    with pytest.raises(AssertionError) as failed:
        is_square()
    cases = [line.partition(":")[0] for line in str(failed.value).splitlines() if ": no square" in line]
    assert cases == ["(2, 5)", "(4, 4)"]


def test_it_fails_without_cases() -> None:
    @each("number", [])
    def is_fine(number: int) -> None:
        assert number

    with pytest.raises(AssertionError, match="the inventory is empty"):
        is_fine()


def test_a_coroutine_is_refused_for_it_would_not_be_awaited() -> None:
    async def is_fine(number: int) -> None:
        assert number

    with pytest.raises(TypeError, match="would never be awaited"):
        each("number", [1])(is_fine)
