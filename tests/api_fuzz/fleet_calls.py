"""Random calls about fleets and the service, calls that only read, and time."""

from __future__ import annotations

from random import Random
from typing import Any

from slta.core.policies import POLICIES
from testbed.in_process import tick
from tests.api_fuzz.pool_calls import fail
from tests.api_fuzz.random_types import type_name, type_sets
from tests.api_fuzz.walk import CLASSES, FLEETS, MAX_STEP, REMEMBERED, Walk


async def put_fleet(walk: Walk) -> None:
    fleet = walk.fleet()
    headers = {"If-Match": walk.rng.choice(['"1"', "*", '"99"'])} if walk.rng.random() < 0.1 else {}
    answer = await walk.of_fleet("PUT", "", fleet, json=_configuration(walk.rng), headers=headers)
    if answer.status_code == 201:
        walk.live[fleet], walk.ended[fleet] = {}, {}


def _configuration(rng: Random) -> dict[str, Any]:
    names = CLASSES if rng.random() < 0.8 else CLASSES[: rng.randint(1, 2)]
    policy = rng.choice([*sorted(POLICIES), "jlmu"])
    file: dict[str, Any] = {
        "classes": [_class(rng, name) for name in names],
        "policy": policy,
        **type_sets(rng, list(names), policy),
        "lease_seconds": 0,
        "gone_seconds": 604_800,  # no session ends with its pool
        "retention_seconds": rng.choice([REMEMBERED, 3600]),
    }
    if rng.random() < 0.1:
        file |= rng.choice([{"policy": "none"}, {"classes": []}, {"unknown": 1}, {"retention_seconds": -1}])
    return file


def _class(rng: Random, name: str) -> dict[str, Any]:
    capacity = rng.choice([4, 5, 6, 9])
    curve = rng.choice(
        [
            {"kind": "log_share", "resource": rng.choice([20, 30])},
            {"kind": "linear", "slope": rng.choice([1, 0.25])},
            {"kind": "quadratic", "linear": 3, "quadratic": -0.125},
        ]
    )
    return {"name": name, "utility": curve, "capacity": capacity, "pools": rng.randint(0, 3)}


async def delete_fleet(walk: Walk) -> None:
    fleet = walk.fleet()
    answer = await walk.of_fleet("DELETE", "", fleet)
    if answer.status_code == 204:
        assert not walk.live.get(fleet), walk.where((fleet, walk.live[fleet]))
        walk.live[fleet], walk.ended[fleet] = {}, {}
        assert not walk.service.redis.keys(f"{{{fleet}}}:*"), walk.where(fleet)


async def empty_and_delete_fleet(walk: Walk) -> None:
    fleet = walk.fleet()
    for name in CLASSES:
        for k in range(1, 6):
            await fail(walk, fleet, f"{name}-{k}")
    await delete_fleet(walk)


async def repair(walk: Walk) -> None:
    """Of a sound fleet: nothing is set aside, and all sessions stay."""
    answer = await walk.of_fleet("POST", "/repair", walk.fleet())
    if answer.is_success:
        assert answer.json()["set_aside"] == 0, walk.where(answer.text)


async def look(walk: Walk) -> None:
    """One of the calls that only read."""
    sound = (
        *("", "/state", "/events", "/next", "/pools?limit=3", "/averages?window=60"),
        *("/quality", "/scale"),
        "/endpoints",
    )
    typed = f"/next?session_type={type_name(walk.rng)}"
    what = walk.rng.choice([*sound, typed, "/averages?window=61", "/next?x=1"])
    fleet = walk.fleet()
    answer = await walk.of_fleet("GET", what, fleet, what.partition("?")[0])
    if answer.is_success and what == "/state":
        state = answer.json()
        assert sum(state["sessions"].values()) >= len(walk.live.get(fleet, ())), walk.where(state)
        assert state["utility"] <= state["utility_bound"] * (1 + 1e-12), walk.where(state)
        held = [one["sessions"]["active"] for one in state["session_types"]]
        assert not held or sum(held) == state["sessions"]["active"], walk.where(state)
        assert (state["compatibility_gap"] is not None) == bool(held), walk.where(state)
    if answer.is_success and what.startswith("/averages"):
        means = answer.json()
        least = -1e-9 * (1 + abs(means["utility_bound"] or 0))
        for name in ("placement_gap", "swing_gap", "compatibility_gap"):
            assert (means[name] or 0) >= least, walk.where((name, means))
    if answer.is_success and what == "/endpoints":
        for one in answer.json()["classes"]:
            assert len(one["pool_ids"]) == len(one["addresses"]) == len(one["occupancies"]), walk.where(one)
            assert max(one["occupancies"], default=0) <= one["capacity"], walk.where(one)


async def look_around(walk: Walk) -> None:
    path = walk.rng.choice(["/v1/fleets", "/healthz", "/metrics"])
    await walk.call("GET", path, path)


async def be_ready(walk: Walk) -> None:
    await walk.service.store.check()
    await walk.call("GET", "/readyz", "/readyz")


async def talk_nonsense(walk: Walk) -> None:
    """What is no call, or has no body that fits: refused, and nothing changes."""
    rng, fleet = walk.rng, walk.rng.choice(FLEETS)
    call = rng.choice(["assign", "complete", "renew", "operations"])
    body = rng.choice(["{", "[]", '{"session_id": 7}', '{"session_id": "a", "session_id": "b"}', "nan", '{"x": 1}'])
    answer = await walk.of_fleet("POST", f"/{call}", fleet, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 404, 422), walk.where((call, body, answer.text))


async def pass_time(walk: Walk) -> None:
    """A moment, or an outage; then each fleet is ticked, as by a dispatcher."""
    step = walk.rng.choice([1, 1000, 1_000_000, 4_000_000, 3_600_000_000, -5_000_000])
    walk.service.clock.now += step
    walk.pass_seconds(min(step / 1e6, MAX_STEP))
    for fleet in map(str, walk.service.redis.smembers("slta:fleets")):
        await tick(walk.service.store, fleet)
