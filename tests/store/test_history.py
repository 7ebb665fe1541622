"""The kept integrals, as a dispatcher reads them."""

from __future__ import annotations

import pytest

from slta.store import Store
from tests.store.conftest import Clock
from tests.store.fleets import FLEET, create, pass_seconds, pool_class, spec

SECOND = 1_000_000


@pytest.mark.parametrize(("window", "step"), [(300, 5), (3600, 60)])
async def test_a_window_has_a_line_per_sixtieth_newest_first(
    store: Store, clock: Clock, window: int, step: int
) -> None:
    await create(store, spec(pool_class("small")), {"small": 1})
    await pass_seconds(store, clock, 125)
    lines = await store.fleets.past(await store.fleets.snapshot(FLEET), window)
    times = [line.time / SECOND for line in lines]
    assert times == sorted(times, reverse=True)
    assert {round(later - earlier) for earlier, later in zip(times[1:], times, strict=False)} == {step}
