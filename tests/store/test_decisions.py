"""The store decides as the paper says: for the same draws it chooses what the specification chooses."""

from __future__ import annotations

import pytest
from redis import Redis

from slta.core.policies import POLICIES, Policy
from testbed.servers import SERVERS
from tests.store.model import worlds
from tests.toy.uniform import LIBRARY, UNIFORM

FLEETS = 40
OPERATIONS = 1500 // len(SERVERS)
"""On all servers together 60,000 random operations a policy."""
FLEETS_WITH_NAIVE = 10
OPERATIONS_WITH_NAIVE = 300
REPORTED = ("NEW", "SAME", "MOVED", "OVER_CAPACITY", "UNKNOWN_POOL")
"""What comes of reports, where the policy places nothing."""
ENDED = {f"ENDED {reason}" for reason in ("completed", "completed_before_assign", "expired")}
LIVED = {"REPLAYED", "RENEWED", "EXPIRED", "UNKNOWN", "UNMARKED", "KEPT", "ENDED_NOW", "STALE_REPORT"} | ENDED
"""What comes of calls about ids as time passes."""
TYPED = {"UNKNOWN_SESSION_TYPE", "INCOMPATIBLE", "SESSION_TYPE_IN_USE"}
"""What else comes of session types."""


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_the_lua_chooses_pool_token_and_rank_as_the_specification_does(redis: Redis, policy: Policy) -> None:
    seen, _ = worlds(redis, range(FLEETS), policy, OPERATIONS)
    assert set(seen) == set(policy.tokens or REPORTED), "every branch of the rule was taken"


@pytest.mark.slow
def test_a_policy_that_was_added_through_the_tables_alone_decides_as_its_specification_does(redis: Redis) -> None:
    tokens, _ = worlds(redis, range(FLEETS), UNIFORM, OPERATIONS // 4, library=LIBRARY)
    assert set(tokens) == {"open"}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_naive_implementation_from_the_definitions_agrees_with_both(redis: Redis, policy: str) -> None:
    seeds = range(100, 100 + FLEETS_WITH_NAIVE)
    _, answers = worlds(redis, seeds, POLICIES[policy], OPERATIONS_WITH_NAIVE, with_naive=True)
    assert answers.keys() >= LIVED | (TYPED if POLICIES[policy].takes_types else set()), (
        "a model whose sessions do not live through this says nothing of it"
    )


@pytest.mark.campaign
@pytest.mark.parametrize("policy", POLICIES)
def test_ten_million_decisions_agree(redis: Redis, policy: str) -> None:
    worlds(redis, range(1000, 1850), POLICIES[policy], 2000)
