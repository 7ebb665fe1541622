"""The store decides as the paper says: for the same draws it chooses what the specification chooses."""

from __future__ import annotations

import pytest
from redis import Redis

from tests.servers import SERVERS
from tests.store.world import worlds

FLEETS = 40
OPERATIONS = 1500 // len(SERVERS)
"""On all servers together 60,000 random operations a policy."""


def test_slta_in_lua_chooses_pool_token_and_rank_as_the_specification_does(redis: Redis) -> None:
    tokens = worlds(redis, range(FLEETS), "slta", OPERATIONS, with_naive=False)
    assert set(tokens) == {"green", "yellow", "none"}, "every branch of the rule was taken"


def test_jlmu_in_lua_chooses_the_pool_as_the_specification_does(redis: Redis) -> None:
    worlds(redis, range(FLEETS), "jlmu", OPERATIONS, with_naive=False)


@pytest.mark.parametrize("policy", ["slta", "jlmu"])
def test_a_naive_implementation_from_the_definitions_agrees_with_both(redis: Redis, policy: str) -> None:
    worlds(redis, range(100, 106), policy, 300, with_naive=True)


@pytest.mark.campaign
@pytest.mark.parametrize("policy", ["slta", "jlmu"])
def test_ten_million_decisions_agree(redis: Redis, policy: str) -> None:
    worlds(redis, range(1000, 1850), policy, 2000, with_naive=False)
