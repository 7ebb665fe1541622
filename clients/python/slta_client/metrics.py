"""Prometheus metrics in the default registry, if prometheus_client is importable; otherwise nothing is counted."""

from __future__ import annotations

from collections.abc import Sized
from importlib.util import find_spec
from typing import Any
from weakref import WeakSet

FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "calls": ("HTTP calls, by call and problem code, ok, or why there was no reply.", ("call", "code")),
    "retries": ("Calls that repeat an earlier one, by the code of the reply before.", ("code",)),
    "lost_sessions": ("Sessions that lost their place while they lasted.", ("reason",)),
    "dropped_completes": ("Ends that slta never confirmed; their leases end the sessions.", ()),
}
"""Help and labels of each counter, by its name without `slta_client_` and `_total`."""
LIVE = ("slta_client_live_sessions", "Sessions whose leases this process renews.")

_live: WeakSet[Any] = WeakSet()


def _counters() -> dict[str, Any]:
    if find_spec("prometheus_client") is None:
        return {}
    from prometheus_client import Counter, Gauge  # noqa: PLC0415 - optional

    Gauge(*LIVE).set_function(lambda: sum(map(len, _live)))
    return {name: Counter(f"slta_client_{name}", text, labels) for name, (text, labels) in FAMILIES.items()}


_COUNTERS = _counters()


def count(name: str, *labels: str) -> None:
    """Add 1 to a counter of FAMILIES."""
    counter = _COUNTERS.get(name)
    if counter is not None:
        (counter.labels(*labels) if labels else counter).inc()


def watch(sessions: Sized) -> None:
    """Count these sessions as live as long as their container exists."""
    _live.add(sessions)
