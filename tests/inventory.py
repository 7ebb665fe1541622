"""Inventory tests: one test for all cases of a list, with a subtest for each, so that every wrong case is named."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import pytest

SUBTESTS = inspect.Parameter("subtests", inspect.Parameter.KEYWORD_ONLY)


def each(names: str | tuple[str, ...], cases: Iterable[Any]) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Decorator of a test that is called once for each case. A drop-in for `pytest.mark.parametrize`.

    `names` are the arguments that a case gives; the test's other arguments are fixtures, shared by all cases.
    """
    arguments = (names,) if isinstance(names, str) else names
    listed = list(cases)

    def decorate(test: Callable[..., Any]) -> Callable[..., None]:
        if inspect.iscoroutinefunction(test):
            raise TypeError(f"{test.__name__} would never be awaited: use pytest.mark.parametrize")

        @wraps(test)
        def run(subtests: pytest.Subtests, **fixtures: Any) -> None:
            __tracebackhide__ = True
            assert listed, "the inventory is empty"
            for case in listed:
                values = (case,) if len(arguments) == 1 else case
                with subtests.test(str(case)):
                    test(**dict(zip(arguments, values, strict=True)), **fixtures)

        signature = inspect.signature(test)
        rest = [parameter for name, parameter in signature.parameters.items() if name not in arguments]
        run.__signature__ = signature.replace(parameters=[*rest, SUBTESTS])  # type: ignore[attr-defined]
        return run

    return decorate
