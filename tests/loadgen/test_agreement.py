import asyncio
from collections.abc import Callable, Mapping

import pytest

from loadgen.agreement import Agreement, begin_window, compare, differing_pools
from loadgen.client import Client
from loadgen.replay import Drain, Replay, ReplaySettings
from loadgen.workload import PlannedSession
from tests.loadgen.standin import StandIn


def agreement(
    recorded: float = 10.0, served: float = 10.0, differing: Mapping[str, tuple[int, int]] | None = None
) -> Agreement:
    return Agreement(
        window_seconds=60.0,
        recorded_mean_sessions_per_pool=recorded,
        served_mean_sessions_per_pool=served,
        differing_pools=differing or {},
    )


@pytest.mark.parametrize(
    ("agreement", "holds"),
    [
        (agreement(10.0, 10.0), True),
        (agreement(10.0, 10.0099), True),
        (agreement(10.0, 10.011), False),
        (agreement(10.011, 10.0), False),
        (agreement(0.0, 0.0), True),
        (agreement(differing={"a": (1, 2)}), False),
    ],
)
def test_means_agree_within_a_thousandth_and_occupancies_exactly(agreement: Agreement, holds: bool) -> None:
    assert agreement.holds is holds
    assert agreement.to_dict()["holds"] is holds


def test_pools_differ_wherever_one_side_counts_another_number() -> None:
    pools = [
        {"pool_id": "a", "occupancy": 2},
        {"pool_id": "b", "occupancy": 1},
        {"pool_id": "c", "occupancy": 0},
        {"pool_id": "d", "occupancy": 3},
    ]

    assert differing_pools({"a": 2, "b": 2, "gone": 1}, pools) == {"b": (2, 1), "d": (0, 3), "gone": (1, 0)}


async def play(service: StandIn, disturb: Callable[[], object] = lambda: None) -> Agreement:
    workload = [PlannedSession(0.002 * k, 0.1) for k in range(100)]
    async with service.serving() as url, Client(url, "default") as client:
        replay = Replay(client, workload, ReplaySettings(drain=Drain.KEEP))
        running = asyncio.create_task(replay.run())
        start = await begin_window(client, replay.sessions)
        await running
        disturb()
        return await compare(client, replay.sessions, start)


async def test_a_service_that_counts_right_is_found_to_agree() -> None:
    agreement = await play(StandIn())

    assert agreement.differing_pools == {}
    # Over only 0.2 s a few milliseconds between a change and its reply are percents; a minute has the 0.1 %.
    assert agreement.relative_difference < 0.25


async def test_a_session_the_service_lost_is_found() -> None:
    service = StandIn()
    agreement = await play(service, disturb=lambda: service.expire(next(iter(service.live))))

    assert len(agreement.differing_pools) == 1
    assert not agreement.holds
