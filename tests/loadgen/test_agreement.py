import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from slta_loadgen.agreement import Agreement, begin_window, compare, differing_pools
from slta_loadgen.client import Client
from slta_loadgen.replay import Drain, Replay, ReplaySettings
from slta_loadgen.workload import PlannedSession
from testbed.awaiting import eventually
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
    pools = [{"pool_id": pool, "occupancy": held} for pool, held in (("a", 2), ("b", 1), ("c", 0), ("d", 3))]

    assert differing_pools({"a": 2, "b": 2, "gone": 1}, pools) == {"b": (2, 1), "d": (0, 3), "gone": (1, 0)}


@dataclass
class Clock:
    """The time of the service and of the replay, in seconds; it stands still until the test moves it."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


async def play(disturb: Callable[[StandIn], object] = lambda _: None) -> Agreement:
    """Six sessions on three pools for 4 s, then twelve for 6 s."""
    clock = Clock()
    service = StandIn(clock=clock)
    workload = [PlannedSession(0.0, 1_000.0)] * 6 + [PlannedSession(0.001, 1_000.0)] * 6
    async with service.serving() as url, Client(url, "default") as client:
        replay = Replay(client, workload, ReplaySettings(drain=Drain.KEEP), clock=clock)
        running = asyncio.create_task(replay.run())
        await eventually(lambda: len(replay.sessions.live) == 6)
        start = await begin_window(client, replay.sessions)
        clock.now += 4
        await running
        clock.now += 6
        disturb(service)
        return await compare(client, replay.sessions, start)


async def test_a_service_that_counts_right_is_found_to_agree() -> None:
    agreement = await play()

    assert agreement.holds
    # (6 sessions · 4 s + 12 sessions · 6 s) / 10 s / 3 pools
    assert agreement.recorded_mean_sessions_per_pool == pytest.approx(3.2)
    assert agreement.served_mean_sessions_per_pool == pytest.approx(3.2)


async def test_a_session_the_service_lost_is_found() -> None:
    agreement = await play(disturb=lambda service: service.expire(next(iter(service.live))))

    assert len(agreement.differing_pools) == 1
    assert not agreement.holds
