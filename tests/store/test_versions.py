"""Two versions of the library on one fleet: what each derived is stale after a call of the other."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from redis import Redis

from slta.core.policies import POLICIES, Policy
from slta.store import Store
from slta.store.library import own_library
from testbed.servers import TextRedis
from tests.store.fleets import FLEET, TWO_CLASSES, create, field, spec
from tests.store.model import World
from tests.store.test_operations import CURVED, contents, drawn
from tests.toy.uniform import LIBRARY

VERSIONS = (own_library(), LIBRARY)
OPERATIONS = 250


class TwoVersions(World):
    """One fleet under random operations, each by either version."""

    def __init__(self, redis: Redis, seed: int, policy: Policy) -> None:
        self.version_rng = Random(f"version {seed}")
        for version in VERSIONS:
            redis.execute_command("FUNCTION", "LOAD", "REPLACE", version.source)
        super().__init__(redis, seed, policy, with_naive=False)

    def run(self, function: str, *arguments: Any) -> list[Any]:
        if function != "compare":  # a comparison is in the memory of the version that began it
            self.digest = self.version_rng.choice(VERSIONS).digest
        return super().run(function, *arguments)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("seed", range(3))
def test_two_versions_in_turn_decide_as_the_specification_does(redis: Redis, seed: int, policy: Policy) -> None:
    TwoVersions(redis, seed, policy).live(OPERATIONS)


@pytest.fixture
def versions(redis: TextRedis) -> Callable[[Random], str]:
    """Loads both versions; says the function of either by chance."""
    for version in VERSIONS:
        redis.execute_command("FUNCTION", "LOAD", "REPLACE", version.source)
    return lambda rng: f"slta_{rng.choice(VERSIONS).digest}_batch"


@pytest.mark.parametrize("policy", POLICIES)
async def test_two_versions_at_one_instant_do_what_one_does(
    store: Store, redis: TextRedis, versions: Callable[[Random], str], policy: str
) -> None:
    """The clock of a server that was set back by less than a second stands still: only the revision tells calls."""
    rng, now = Random(1), 10**15
    for fleet in ("one", "two"):
        await create(store, spec(*CURVED, policy=policy, lease=5), {"c0": 3, "c1": 9, "c2": 400}, fleet)
    for step in range(300):
        now += rng.choice((0, 0, 0, 0, 100_000))
        words = drawn(rng, step % 9)
        alone = redis.fcall(f"slta_{VERSIONS[0].digest}_batch", 1, "{one}:fleet", now, *words)
        assert redis.fcall(versions(rng), 1, "{two}:fleet", now, *words)[1] == alone[1]
    assert contents(redis, "one") == contents(redis, "two")


@pytest.mark.parametrize("step", [0, -400_000], ids=["still", "back"])
async def test_a_refusal_is_counted_by_both_versions_while_the_clock_stands_still(
    store: Store, redis: TextRedis, step: int
) -> None:
    for version in VERSIONS:
        redis.execute_command("FUNCTION", "LOAD", "REPLACE", version.source)
    await create(store, spec(TWO_CLASSES[0]), {"small": 1})
    now = 10**15

    def call(version: int, session: str) -> str:
        name = f"slta_{VERSIONS[version].digest}_batch"
        words = ("assign", session, "", "0.5", "")
        return str(redis.fcall(name, 1, f"{{{FLEET}}}:fleet", now, *words)[1][0][0])

    for k in range(4):
        assert call(k % 2, f"s{k}") == "ASSIGNED"
    assert [call(k, "a") for k in (0, 1)] == ["FULL"] * 2
    now += step
    assert [call(k, f"x{j}{k}") for j in range(4) for k in (0, 1)] == ["FULL"] * 8
    assert field(redis, "rejected_no_capacity") == "10"
