"""Inventory tests: one test for all cases of a list, which fails with every case that is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any


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
        def run(**fixtures: Any) -> None:
            assert listed, "the inventory is empty"
            wrong = [f"{case}: {error}" for case in listed if (error := _error(test, arguments, case, fixtures))]
            assert not wrong, "\n".join(wrong)

        signature = inspect.signature(test)
        rest = [parameter for name, parameter in signature.parameters.items() if name not in arguments]
        run.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
        return run

    return decorate


def _error(test: Callable[..., Any], arguments: tuple[str, ...], case: Any, fixtures: dict[str, Any]) -> str:
    values = (case,) if len(arguments) == 1 else case
    try:
        test(**dict(zip(arguments, values, strict=True)), **fixtures)
    except AssertionError as error:
        return str(error) or "is wrong"
    return ""
