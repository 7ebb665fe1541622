"""What `GET …/sessions/{session_id}` tells of how a session came to its pool: the deciding token, level and utility."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from slta.core.policies import PLACING
from slta.fleet_file import compile_spec
from slta.fleet_file.schema import FleetFile
from tests.api.conftest import FLEET, Api, assign

SPEC = compile_spec(FleetFile.read(FLEET))


async def told(api: Api, fleet: str, session_id: str) -> tuple[str | None, int | None]:
    """Token and level; the marginal utility has to be that of the level, if the class has it."""
    answer: dict[str, Any] = (await api.get(f"{fleet}/sessions/{session_id}")).json()
    level, marginals = answer["level"], [None, *SPEC.ranking.marginals[SPEC.class_names().index(answer["pool_class"])]]
    assert answer["marginal_utility"] == pytest.approx(marginals[level or 0] if (level or 0) < len(marginals) else None)
    return answer["token"], level


def further(redis: Any, session_id: str) -> list[str]:
    """What stands in a session's record behind its lease: level and token."""
    record: bytes = redis.hget("{f}:sessions", session_id)
    return record.decode().split()[5:]


def rewrite(redis: Any, session_id: str, *words: str) -> None:
    """The record has these words there."""
    record: bytes = redis.hget("{f}:sessions", session_id)
    redis.hset("{f}:sessions", session_id, " ".join([*record.decode().split()[:5], *words]))


@pytest.mark.parametrize("policy", sorted(PLACING))
async def test_a_session_tells_token_and_level_whatever_has_ended_since(api: Api, fleet: str, policy: str) -> None:
    await api.put(fleet, json=FLEET | {"policy": policy})
    expected: dict[str, tuple[str, int]] = {}
    held: dict[str, list[str]] = {}
    for k in range(24):
        placed = (await api.post(f"{fleet}/assign", json={"session_id": f"s-{k}"})).json()
        pool = (await api.get(f"{fleet}/pools/{placed['pool_id']}")).json()
        expected[f"s-{k}"] = placed["token"], pool["occupancy"]
        held.setdefault(placed["pool_id"], []).append(f"s-{k}")
        if k % 2:
            fullest = max(held.values(), key=len)
            await api.post(f"{fleet}/complete", json={"session_id": fullest[0]})
            del expected[fullest.pop(0)]
    assert len(expected) == 12
    assert {id_: await told(api, fleet, id_) for id_ in expected} == expected
    assert min(expected[id_][1] for id_ in fullest) > 1, "the one that came there first has ended"


@pytest.mark.parametrize("level", [3, 9])
async def test_a_token_that_this_version_does_not_know_is_kept_and_not_told(
    api: Api, redis: Redis, fleet: str, level: int
) -> None:
    await assign(api, fleet, "newer")
    rewrite(redis, "newer", str(level), "z")
    await api.post(f"{fleet}/renew", json={"session_ids": ["newer"]})
    assert await told(api, fleet, "newer") == (None, level)
    assert further(redis, "newer") == [str(level), "z"]
