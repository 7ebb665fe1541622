"""Whatever calls come in whatever order: no answer that is not promised, and the fleets' invariants hold."""

from __future__ import annotations

import secrets

import pytest

from testbed.in_process import service_in_process
from testbed.servers import running_server
from tests.api_fuzz.random_calls import STEPS
from tests.api_fuzz.walk import Walk, table
from tests.contract.document import openapi

CALLS = 4000
CAMPAIGN_CALLS = 110_000


async def walked(seed: int, calls: int) -> Walk:
    with running_server() as url:
        async with service_in_process(url) as service:
            walk = Walk(service, seed)
            print(f"seed {seed}")
            await walk.go(calls, STEPS)
            return walk


def documented() -> set[tuple[str, str]]:
    """Every call of the OpenAPI document."""
    return {(method.upper(), path) for path, methods in openapi()["paths"].items() for method in methods}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_random_walk_takes_every_call_and_leaves_sound_fleets(seed: int) -> None:
    walk = await walked(seed, CALLS)
    assert documented() <= {call for call, _ in walk.made}
    assert walk.codes.keys() & {"no_capacity", "no_active_pool"}, "fleets were full, or had no active pool"
    assert {"unknown_session_type", "session_type_in_use"} <= walk.codes.keys()
    assert walk.most_live > 10


@pytest.mark.campaign
@pytest.mark.timeout(3600)
async def test_so_does_a_walk_of_110_000_calls_from_a_new_seed() -> None:
    walk = await walked(secrets.randbelow(10**9), CAMPAIGN_CALLS)
    print(table(walk))
    print(dict(walk.codes))
    assert documented() <= {call for call, _ in walk.made}
