"""Reports of where a session is: taken as they come, compared where the fleet observes, adopted where it places."""

from __future__ import annotations

import asyncio
import random

import pytest
from redis import Redis

from slta.core.fleet import FleetSpec
from slta.core.policies import PLACING
from slta.models import AlreadyEnded, Choice, PoolSpec, Reported, errors
from slta.store import Store, StoreSettings
from slta.views.averages import mean_difference
from testbed.in_process import tick
from tests.audit import violations
from tests.store.conftest import Calls, Clock
from tests.store.fleets import (
    FLEET,
    LARGE,
    SMALL,
    STEPS,
    as_of,
    bring,
    create,
    end_of,
    field,
    findings,
    occupancies,
    places,
    pool_class,
    spec,
)

CALLERS = 6
SWITCHES = 8


def observing(**changes: float) -> FleetSpec:
    """Δ = 8, 6, 4, … on `steps`, 1/2 everywhere on `flat`."""
    return spec(pool_class("steps", STEPS, 4), pool_class("small", SMALL, 3), policy="observe", **changes)


@pytest.fixture
async def fleet(store: Store) -> None:
    await create(store, observing(), {"steps": 2, "small": 2})


async def report(store: Store, session_id: str, pool_id: str, lease: float | None = None) -> Reported:
    return await store.sessions.report(FLEET, session_id, pool_id, lease)


async def mean(store: Store) -> float | None:
    """Of all reports that were compared."""
    return mean_difference((await store.fleets.snapshot(FLEET)).integrals, None, observing())


async def left_out(store: Store) -> tuple[int, int]:
    counters = (await store.fleets.snapshot(FLEET)).counters
    return counters["left_out_over_capacity"], counters["left_out_unknown_pool"]


# What becomes of a report


async def test_a_report_is_answered_with_its_utility_and_that_of_jlmu_s_choice(store: Store, fleet: None) -> None:
    small = observing().integers.to_utility(observing().integers.marginals[1][0])
    first = await report(store, "s", "steps-0", 30)
    assert (first.outcome, first.pool_class, first.lease_seconds, first.marginal_utility) == ("new", "steps", 30, 8)
    second = await report(store, "t", "small-1")
    best = Choice(pool_id="steps-1", pool_class="steps", address=None, marginal_utility=8)
    assert (second.marginal_utility, second.jlmu_choice) == (small, best)
    assert await occupancies(store) == {"steps-0": 1, "steps-1": 0, "small-0": 0, "small-1": 1}


async def test_a_list_from_before_a_session_moved_here_does_not_end_it(store: Store, clock: Clock, fleet: None) -> None:
    await report(store, "s", "steps-0")
    clock.advance(1)
    listed = await as_of(store)
    clock.advance(1)
    await report(store, "s", "small-0")
    assert (await store.pools.reconcile(FLEET, "small-0", listed, [])).ended == []
    assert (await store.pools.reconcile(FLEET, "steps-0", listed, ["s"])).elsewhere == ["s"]


async def test_a_session_whose_end_came_first_is_not_reported_any_more(store: Store, fleet: None) -> None:
    with pytest.raises(errors.UnknownSessionError):
        await store.sessions.complete(FLEET, "s")
    with pytest.raises(errors.SessionEndedError):
        await report(store, "s", "steps-0")
    await report(store, "t", "steps-0")
    await store.sessions.complete(FLEET, "t")
    with pytest.raises(errors.SessionEndedError):
        await report(store, "t", "steps-0")
    assert isinstance(await store.sessions.complete(FLEET, "t"), AlreadyEnded)


async def test_what_the_figures_leave_out_is_refused_and_counted(store: Store, fleet: None) -> None:
    for k in range(4):
        await report(store, f"s{k}", "steps-0")
    for pool, error in (("steps-0", errors.OverCapacityError), ("nobody", errors.ReportedPoolUnknownError)):
        with pytest.raises(error):
            await report(store, "late", pool)
    assert await left_out(store) == (1, 1)
    assert await end_of(store, "late") == "unknown_session"
    with pytest.raises(errors.UnknownSessionError):
        await store.sessions.complete(FLEET, "late")
    with pytest.raises(errors.SessionEndedError):  # its end was told though its beginning was left out
        await report(store, "late", "steps-1")


async def test_a_fleet_that_observes_refuses_to_place_but_knows_the_sessions_it_has(store: Store, fleet: None) -> None:
    await report(store, "s", "steps-0")
    with pytest.raises(errors.FleetObservesError):
        await store.sessions.assign(FLEET, "t", None)
    replayed = await store.sessions.assign(FLEET, "s", None)
    assert (replayed.replayed, replayed.pool_id) == (True, "steps-0")


# The mean difference


async def test_the_difference_is_a_mean_over_reports(store: Store, fleet: None) -> None:
    assert await mean(store) is None
    worth = observing().integers
    small = worth.to_utility(worth.marginals[1][0])
    await report(store, "a", "steps-0")  # 8 where 8 is the most
    await report(store, "b", "small-0")  # 8 would have been had
    assert await mean(store) == pytest.approx((0 + 8 - small) / 2)


async def test_pools_leave_the_mean_and_the_counts_and_other_curves_begin_anew(store: Store, fleet: None) -> None:
    await report(store, "a", "small-0")
    with pytest.raises(errors.ReportedPoolUnknownError):
        await report(store, "b", "nobody")
    before = await mean(store)
    await store.pools.add(FLEET, [PoolSpec("steps-9", "steps")])
    await store.pools.set_status(FLEET, "steps-9", "draining")
    assert (await mean(store), await left_out(store)) == (before, (0, 1))
    await store.fleets.configure(FLEET, observing(lease=5), "{}")
    assert (await mean(store), await left_out(store)) == (before, (0, 1)), "settings change no unit"
    others = spec(pool_class("steps", STEPS, 4), pool_class("small", LARGE, 3), policy="observe")
    await store.fleets.configure(FLEET, others, "{}")
    assert (await mean(store), await left_out(store)) == (None, (0, 1))


# A fleet that places, and the switch


async def test_switching_policies_loses_no_session(server: str, calls: Calls, redis: Redis, fleet: None) -> None:
    store = Store(StoreSettings(server, call_timeout_seconds=30, deadline_seconds=60), calls)
    await store.pools.add(FLEET, [PoolSpec(f"{name}-more-{k}", name) for name in ("steps", "small") for k in range(8)])
    live: dict[str, str] = {}
    over = False

    async def come_and_go(caller: int) -> None:
        rng = random.Random(caller)
        mine: list[str] = []
        while not over:
            if mine and rng.random() < 0.45:
                id_ = mine.pop(rng.randrange(len(mine)))
                assert (await store.sessions.complete(FLEET, id_)).pool_id == live.pop(id_)
            else:
                id_ = f"{caller}-{rng.getrandbits(60)}"
                try:
                    live[id_] = await bring(store, id_)
                except (errors.OverCapacityError, errors.NoCapacityError):
                    continue
                mine.append(id_)

    callers = [asyncio.create_task(come_and_go(caller)) for caller in range(CALLERS)]
    for at in range(SWITCHES):
        policy = ("observe", *PLACING)[at % (1 + len(PLACING))]
        await store.fleets.configure(FLEET, spec(*observing().classes, policy=policy), "{}")
        await tick(store, FLEET)
        assert await findings(store, spec(*observing().classes, policy=policy)) == []
    over = True
    await asyncio.gather(*callers)
    assert await places(store, live) == live
    counters = (await store.fleets.snapshot(FLEET)).counters
    assert counters["adopted"] > 0
    assert int(field(redis, "sessions")) == len(live)
    assert violations(redis, FLEET) == []
    await store.close()


# Late reports


@pytest.mark.parametrize(("begin_late", "end_late"), [(3, 3), (3, 0), (0, 3)])
async def test_late_reports_leave_out_as_many_sessions_as_come_in_the_delay_and_count_as_many_that_have_ended(
    store: Store, redis: Redis, begin_late: int, end_late: int
) -> None:
    # Two sessions a second for 40 s, each of 10 s: 20 live at any time, 6 begin and 6 end within 3 s.
    await create(store, spec(pool_class("steps", STEPS, 4), policy="observe"), {"steps": 40})
    begins = {f"s{k}": k / 2 for k in range(80)}
    calls = [(begin + begin_late, "report", id_) for id_, begin in begins.items()]
    calls += [(begin + 10 + end_late, "complete", id_) for id_, begin in begins.items()]
    for at, kind, id_ in sorted(calls):
        if at <= 39:
            await (bring(store, id_) if kind == "report" else store.sessions.complete(FLEET, id_))
    shown = set(redis.hkeys(f"{{{FLEET}}}:sessions"))
    real = {id_ for id_, begin in begins.items() if begin <= 39 < begin + 10}
    assert len(real) == 20
    assert (len(shown - real), len(real - shown)) == (2 * end_late, 2 * begin_late)
