"""Random calls about pools: what each answer must be, and what must live after it."""

from __future__ import annotations

from typing import Any

from tests.api_fuzz.random_types import type_name
from tests.api_fuzz.walk import CLASSES, Walk


async def add_pools(walk: Walk) -> None:
    pools = {walk.pool() for _ in range(walk.rng.randint(0, 4))}
    entries = [{"pool_id": pool, "pool_class": pool.partition("-")[0]} for pool in sorted(pools)]
    await walk.of_fleet("POST", "/pools", walk.fleet(), json={"pools": entries})


async def put_pool(walk: Walk) -> None:
    body = {"pool_class": walk.rng.choice([*CLASSES, "none"])}
    await walk.of_pool("PUT", "", walk.fleet(), walk.pool(), json=body)


async def change_pool(walk: Walk) -> None:
    drain = {"within_seconds": 604_800, "then": "fail"}
    changes = [("DELETE", "", None), ("POST", "/drain", None), ("POST", "/drain", drain), ("POST", "/undrain", {})]
    method, what, body = walk.rng.choice([*changes, ("GET", "", None), ("GET", "/sessions", None)])
    await walk.of_pool(method, what, walk.fleet(), walk.pool(), json=body)


async def change_pools(walk: Walk) -> None:
    """Many pools at once: all of them have the status then, or nothing has changed."""
    fleet, status = walk.fleet(), walk.rng.choice(["draining", "active", "active"])
    ids = [walk.pool() for _ in range(walk.rng.randint(1, 3))]
    by_class = {"pool_class": walk.rng.choice([*CLASSES, "none"])}
    selection: dict[str, Any] = walk.rng.choice([{"pool_ids": ids}, by_class])
    before = await _statuses(walk, fleet)
    answer = await walk.of_fleet("POST", "/pools/status", fleet, json={"status": status, **selection})
    changed = answer.json()["changed"] if answer.is_success else []
    assert await _statuses(walk, fleet) == before | dict.fromkeys(changed, status), walk.where((fleet, answer.text))


async def send_heartbeats(walk: Walk) -> None:
    """Of some pools, whose leases may run out before the next ones."""
    fleet, lease = walk.fleet(), walk.rng.choice([1, 2, 10, 3600])
    beats = [{"pool_id": walk.pool(), "ttl_seconds": lease, "count": 1} for _ in range(walk.rng.randint(1, 4))]
    answer = await walk.of_fleet("POST", "/pools/heartbeats", fleet, json={"heartbeats": beats})
    if answer.is_success:
        assert [one["pool_id"] for one in answer.json()["pools"]] == [one["pool_id"] for one in beats], walk.where(
            beats
        )


async def end_guard(walk: Walk) -> None:
    selection = walk.rng.choice([{}, {"pool_class": walk.rng.choice([*CLASSES, "none"])}])
    await walk.of_fleet("POST", "/pools/guard", walk.fleet(), json={"action": "end", **selection})


async def _statuses(walk: Walk, fleet: str) -> dict[str, str]:
    page = (await walk.of_fleet("GET", "/pools", fleet)).json().get("pools", [])
    return {pool["pool_id"]: pool["status"] for pool in page}


async def fail_pool(walk: Walk) -> None:
    await fail(walk, walk.fleet(), walk.pool())


async def fail(walk: Walk, fleet: str, pool: str) -> None:
    answer = await walk.of_pool("POST", "/fail", fleet, pool)
    if answer.is_success:
        ended = answer.json()["ended_session_ids"]
        mine = {id_ for id_, where in walk.live.get(fleet, {}).items() if where == pool}
        assert mine <= set(ended), walk.where((fleet, pool, answer.text))
        walk.over(fleet, *ended)


async def report_pool(walk: Walk) -> None:
    """A pool's own list: some of its sessions, and some strangers."""
    fleet, pool = walk.fleet(), walk.pool()
    as_of = (await walk.of_fleet("GET", "/state", fleet)).json().get("as_of", "1:0")
    mine = [id_ for id_, where in walk.live.get(fleet, {}).items() if where == pool]
    listed = {id_ for id_ in mine if walk.rng.random() < 0.7} | {walk.session(fleet) for _ in range(2)}
    types = {id_: type_name(walk.rng) for id_ in sorted(listed) if walk.rng.random() < 0.3}
    body = {"as_of": as_of, "session_ids": sorted(listed)} | ({"session_types": types} if types else {})
    answer = await walk.of_pool("PUT", "/sessions", fleet, pool, json=body)
    if answer.is_success:
        told = answer.json()
        walk.over(fleet, *told["ended"])
        for id_ in told["adopted"]:
            walk.live.setdefault(fleet, {})[id_] = pool
