"""Prometheus metrics in the default registry, if prometheus_client is importable; otherwise nothing is counted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "calls": (
        "Calls, those in a bulk call each, by ok, the problem code, or why there was no reply.",
        ("operation", "outcome"),
    ),
    "retries": ("Calls that repeat an earlier one, by the code of the reply before.", ("problem_code",)),
    "lost_sessions": ("Sessions that lost their place while they lasted.", ("reason",)),
    "dropped_completes": ("Ends that slta never confirmed; their leases end the sessions.", ()),
    "placements": ("Placed sessions, by slta or fallback.", ("placed_by",)),
    "refused_reports": (
        "Reports of sessions placed by the fallback that slta refused, by problem code.",
        ("problem_code",),
    ),
}
"""Help and labels of each counter, by its name without `slta_client_` and `_total`."""
GAUGES = {
    "live_sessions": "Sessions whose leases this process renews.",
    "unreported_sessions": "Live sessions placed by the fallback that slta does not know yet.",
    "open_breakers": "Clients whose circuit breaker is not closed: slta does not answer their placements.",
}
"""Help of each gauge, by its name without `slta_client_`."""

_watched: dict[str, WeakKeyDictionary[Any, Callable[[Any], int]]] = {name: WeakKeyDictionary() for name in GAUGES}


def _sum(name: str) -> int:
    return sum(value(thing) for thing, value in list(_watched[name].items()))


def _counters() -> dict[str, Any]:
    if find_spec("prometheus_client") is None:
        return {}
    from prometheus_client import Counter, Gauge  # noqa: PLC0415 - optional

    for name, text in GAUGES.items():
        Gauge(f"slta_client_{name}", text).set_function(partial(_sum, name))
    return {name: Counter(f"slta_client_{name}", text, labels) for name, (text, labels) in FAMILIES.items()}


_COUNTERS = _counters()


def count(name: str, *labels: str) -> None:
    """Add 1 to a counter of FAMILIES."""
    counter = _COUNTERS.get(name)
    if counter is not None:
        (counter.labels(*labels) if labels else counter).inc()


def forget() -> None:
    """Watch nothing more: what was watched is the parent process's."""
    for things in _watched.values():
        things.clear()


def watch(name: str, thing: T, value: Callable[[T], int]) -> None:
    """Add the thing's value to a gauge of GAUGES, as long as the thing exists."""
    _watched[name][thing] = value
