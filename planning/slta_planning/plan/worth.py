"""Worth of one more pool of each class in a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimum, pool_worth


class Worth(NamedTuple):
    """Means over the loads. `adds`: to the bound. `metric`: as in `slta_pool_worth`, at least `adds`."""

    adds: float
    metric: float


def worths_of(spec: FleetSpec, pools: Sequence[int], loads: Sequence[float]) -> list[Worth]:
    """Worth of one more pool of each class, in utility of the whole fleet."""
    found = []
    for i in range(len(pools)):
        more = [count + (k == i) for k, count in enumerate(pools)]
        pairs = [_one_more(spec, pools, more, i, load) for load in loads]
        found.append(Worth(*(sum(column) / len(loads) for column in zip(*pairs, strict=True))))
    return found


def _one_more(
    spec: FleetSpec, pools: Sequence[int], more: Sequence[int], pool_class: int, load: float
) -> tuple[float, float]:
    now, then = optimum(spec.ranking, pools, load), optimum(spec.ranking, more, load)
    assert now is not None  # noqa: S101 - the plan has pools
    assert then is not None  # noqa: S101
    return then.utility - now.utility, pool_worth(spec.ranking, pool_class, now)
