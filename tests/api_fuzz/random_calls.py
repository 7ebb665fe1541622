"""A random walk over all calls of the API, on a real server: what each answer must be, and what the fleets then hold.

The walk keeps its own list of the sessions that must live and of those that have ended; time and draws are its own
too, so a seed repeats the walk.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from random import Random
from typing import Any

import httpx

from slta.api.http.openapi import CODES
from slta.core.policies import POLICIES
from slta.core.policies.slta import TOKENS
from testbed.in_process import Service
from tests.api_fuzz.random_types import type_field, type_name, type_sets
from tests.audit import violations

FLEETS = ("a", "b", "c")
CLASSES = ("small", "large", "odd")
TEMPLATE = re.compile(r"/v1/fleets/[^/?]+")
AUDITED_EACH = 500
"""Calls between two audits."""
REMEMBERED = 600
"""Seconds of fleet time for which each fleet remembers what has ended, or longer."""
MAX_STEP = 5.0
"""Seconds by which fleet time goes on at most, whatever the clock says."""

Call = tuple[str, str]
"""Method and path as the OpenAPI document has it."""


class Draws(list[float]):
    """Draws that never end."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self._rng = rng

    def pop(self, _index: object = 0) -> float:
        return self._rng.random()


class Walk:
    """One walk. Broken promises are AssertionErrors that name the seed and the call."""

    def __init__(self, service: Service, seed: int) -> None:
        self.service, self.rng, self.seed = service, Random(seed), seed
        service.draws.waiting = Draws(Random(seed + 1))
        self.made: Counter[tuple[Call, int]] = Counter()
        """How often each call was answered with each status."""
        self.codes: Counter[str] = Counter()
        self.live: dict[str, dict[str, str]] = {}
        """By fleet, the pool of each session that must live: it has no lease."""
        self.ended: dict[str, dict[str, float]] = {}
        """By fleet, when each session ended of which the fleet must still know that."""
        self.passed = 0.0
        """Seconds of fleet time at most."""
        self.most_live = 0
        """The most sessions of a fleet that had to live at once."""
        self.serial = 0

    @property
    def calls(self) -> int:
        return self.made.total()

    async def go(self, calls: int) -> None:
        """Until so many calls were made; the audit now and then, and at the end."""
        steps = [step for step, often in STEPS.items() for _ in range(often)]
        audited = 0
        while self.calls < calls:
            await self.rng.choice(steps)(self)
            if self.calls - audited >= AUDITED_EACH:
                audited = self.calls
                self.audit()
        self.audit()

    def audit(self) -> None:
        """Every fleet's invariants hold, and the sessions that must live are there."""
        redis = self.service.redis
        for fleet in map(str, redis.smembers("slta:fleets")):
            assert violations(redis, fleet) == [], self._where(fleet)
            there = {id_: record.split()[4] for id_, record in redis.hgetall(f"{{{fleet}}}:sessions").items()}
            mine = self.live.get(fleet, {})
            assert mine.items() <= there.items(), self._where(fleet)

    def _where(self, what: object) -> str:
        return f"seed {self.seed}, after {self.calls} calls: {what}"

    # One call

    async def call(self, method: str, path: str, template: str, **options: Any) -> httpx.Response:
        """The answer, which must be one that the API may give."""
        answer = await self.service.api.request(method, path, **options)
        self.made[(method, template), answer.status_code] += 1
        if answer.status_code >= 400:
            self._check_problem(method, path, answer)
        return answer

    def _check_problem(self, method: str, path: str, answer: httpx.Response) -> None:
        where = self._where((method, path, answer.status_code, answer.text))
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json", where
        assert (problem["status"], problem["code"] in CODES) == (answer.status_code, True), where
        assert answer.status_code < 500, where
        self.codes[problem["code"]] += 1

    async def of_fleet(self, method: str, what: str, fleet: str, template: str = "", **options: Any) -> httpx.Response:
        """A call below a fleet."""
        path = f"/v1/fleets/{fleet}{what}"
        return await self.call(method, path, f"/v1/fleets/{{fleet}}{template or what}", **options)

    async def of_pool(self, method: str, what: str, fleet: str, pool: str, **options: Any) -> httpx.Response:
        return await self.of_fleet(method, f"/pools/{pool}{what}", fleet, f"/pools/{{pool_id}}{what}", **options)

    # Random things

    def fleet(self) -> str:
        """Mostly one that may exist."""
        return self.rng.choices([*FLEETS, "nowhere", "no fleet"], [30, 30, 30, 1, 1])[0]

    def pool(self) -> str:
        return f"{self.rng.choice(CLASSES)}-{self.rng.randint(1, 5)}"

    def session(self, fleet: str) -> str:
        """One that lives, has ended, or is new."""
        among = sorted(self.rng.choice([self.live.get(fleet, {}).keys(), self.ended.get(fleet, {}).keys(), set()]))
        if among:
            return self.rng.choice(among)
        self.serial += 1
        return f"s{self.serial}"

    def lease(self) -> dict[str, Any]:
        """Mostly none, which is the fleets' default."""
        return {"lease_seconds": self.rng.choice([0, 1.5, 20, 1e9, -1])} if self.rng.random() < 0.2 else {}

    # What an answer means

    def placed(self, fleet: str, session: str, body: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        """The answer of an assign that was not refused, which a first placement has with the type that it asked for."""
        mine, ended = self.live.setdefault(fleet, {}), self.ended.setdefault(fleet, {})
        where = self._where((fleet, session, body))
        assert asked.get("session_id", session) == session not in ended, where
        assert mine.get(session, body["pool_id"]) == body["pool_id"], where
        assert body["replayed"] or session not in mine, where
        assert body["replayed"] or body["session_type"] == asked.get("session_type", "default"), where
        assert body["token"] in {None, *TOKENS, *(t for p in POLICIES.values() for t in p.tokens)}, where
        if body["lease_seconds"] == 0:
            mine[session] = body["pool_id"]
            self.most_live = max(self.most_live, len(mine))

    def over(self, fleet: str, *sessions: str) -> None:
        """They have ended, just now if that is news."""
        for session in sessions:
            self.live.setdefault(fleet, {}).pop(session, None)
            self.ended.setdefault(fleet, {}).setdefault(session, self.passed)

    def pass_seconds(self, seconds: float) -> None:
        """Fleets may forget what ended as long ago as they must remember it."""
        self.passed += max(seconds, 0.0)
        for fleet, ended in self.ended.items():
            self.ended[fleet] = {id_: at for id_, at in ended.items() if self.passed - at < REMEMBERED}

    def has_ended(self, fleet: str, session: str, pool: str | None, body: Mapping[str, Any]) -> None:
        """A completion that was not refused."""
        mine = self.live.get(fleet, {})
        if session in mine:
            assert (body["outcome"], body["pool_id"]) == ("completed", mine[session]), self._where(body)
        assert pool in (None, body["pool_id"]), self._where(body)
        self.over(fleet, session)


async def assign(walk: Walk) -> None:
    """Now and then without an id."""
    fleet = walk.fleet()
    session = {"session_id": walk.session(fleet)} if walk.rng.random() < 0.9 else {}
    asked = {**session, **walk.lease(), **type_field(walk.rng)}
    answer = await walk.of_fleet("POST", "/assign", fleet, json=asked)
    if answer.is_success:
        walk.placed(fleet, answer.json()["session_id"], answer.json(), asked)
    elif answer.status_code == 409:
        assert session.get("session_id") not in walk.live.get(fleet, {}), walk._where((fleet, session, answer.text))


async def place(walk: Walk) -> None:
    """As a proxy does it: the answer is in headers, and every refusal is 503."""
    fleet = walk.fleet()
    session = walk.session(fleet)
    headers = {"X-Session-Id": session, "X-Slta-Lease": walk.rng.choice(["", "0", "20", "x"])}
    headers["X-Slta-Session-Type"] = walk.rng.choice(["", "", "a b", type_name(walk.rng)])
    path = f"/v1/fleets/{fleet}/place"
    answer = await walk.service.api.get(path, headers=headers)
    walk.made[("GET", "/v1/fleets/{fleet}/place"), answer.status_code] += 1
    where, pool = walk._where((path, headers, answer.headers)), walk.live.get(fleet, {}).get(session)
    assert answer.status_code in (200, 503), where
    if answer.is_success:
        assert session not in walk.ended.get(fleet, ()), where
        assert pool in (None, answer.headers["X-Slta-Pool"]), where
    else:
        assert answer.json()["code"] == answer.headers["X-Slta-Code"] in CODES, where
        refused = headers["X-Slta-Lease"] == "x" or headers["X-Slta-Session-Type"] == "a b"
        assert pool is None or refused, where
    if answer.is_success and headers["X-Slta-Lease"] == "0":
        walk.live.setdefault(fleet, {})[session] = answer.headers["X-Slta-Pool"]
    elif answer.is_success and headers["X-Slta-Lease"]:
        walk.live.get(fleet, {}).pop(session, None)  # it may end by itself from now on


async def report(walk: Walk) -> None:
    fleet, pool = walk.fleet(), walk.pool()
    session, body = walk.session(fleet), {"pool_id": pool, **walk.lease(), **type_field(walk.rng)}
    answer = await walk.of_fleet("PUT", f"/sessions/{session}", fleet, "/sessions/{session_id}", json=body)
    mine, ended = walk.live.get(fleet, {}), walk.ended.get(fleet, {})
    if not answer.is_success:
        return
    told, where = answer.json(), walk._where((fleet, session, answer.text))
    assert (session in ended, told["pool_id"]) == (False, pool), where
    assert (told["outcome"] == "new") == (answer.status_code == 201), where
    assert session not in mine or told["outcome"] == ("same" if mine[session] == pool else "moved"), where
    if told["lease_seconds"] == 0:
        walk.live.setdefault(fleet, {})[session] = pool


async def complete(walk: Walk) -> None:
    fleet = walk.fleet()
    session = walk.session(fleet)
    answer = await walk.of_fleet("POST", "/complete", fleet, json={"session_id": session})
    if answer.is_success:
        walk.has_ended(fleet, session, None, answer.json())
    else:
        assert session not in walk.live.get(fleet, {}), walk._where((fleet, session, answer.text))


async def renew(walk: Walk) -> None:
    fleet = walk.fleet()
    ids = [walk.session(fleet) for _ in range(walk.rng.randint(0, 5))]
    mine = walk.live.get(fleet, {})
    lease = walk.lease()
    answer = await walk.of_fleet("POST", "/renew", fleet, json={"session_ids": ids, **lease})
    if answer.is_success:
        assert {id_ for id_ in ids if id_ in mine} <= set(answer.json()["renewed"]), walk._where(answer.text)
        if lease.get("lease_seconds"):
            for id_ in ids:
                mine.pop(id_, None)  # it may end by itself from now on


async def get_session(walk: Walk) -> None:
    fleet = walk.fleet()
    session = walk.session(fleet)
    answer = await walk.of_fleet("GET", f"/sessions/{session}", fleet, "/sessions/{session_id}")
    pool = walk.live.get(fleet, {}).get(session)
    if pool:
        assert answer.json()["pool_id"] == pool, walk._where((fleet, session, answer.text))
    elif session in walk.ended.get(fleet, ()):
        assert answer.status_code in (404, 409), walk._where((fleet, session, answer.text))


async def operations(walk: Walk) -> None:
    fleet = walk.fleet()
    asked = []
    for _ in range(walk.rng.randint(1, 20)):
        kind = walk.rng.choice(["assign", "complete"])
        typed = type_field(walk.rng) if kind == "assign" and walk.rng.random() < 0.5 else {}
        asked.append({kind: {"session_id": walk.session(fleet), **typed}})
    answer = await walk.of_fleet("POST", "/operations", fleet, json={"operations": asked})
    if answer.is_success:
        for operation, outcome in zip(asked, answer.json()["outcomes"], strict=True):
            ((kind, body),) = operation.items()
            if outcome["status"] < 400:
                if kind == "assign":
                    walk.placed(fleet, body["session_id"], outcome["body"], body)
                else:
                    walk.has_ended(fleet, body["session_id"], None, outcome["body"])
            else:
                assert outcome["status"] < 500, walk._where(outcome)


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
        assert not walk.live.get(fleet), walk._where((fleet, walk.live[fleet]))
        walk.live[fleet], walk.ended[fleet] = {}, {}
        assert not walk.service.redis.keys(f"{{{fleet}}}:*"), walk._where(fleet)


async def empty_and_delete_fleet(walk: Walk) -> None:
    fleet = walk.fleet()
    for name in CLASSES:
        for k in range(1, 6):
            await _fail(walk, fleet, f"{name}-{k}")
    await delete_fleet(walk)


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
    assert await _statuses(walk, fleet) == before | dict.fromkeys(changed, status), walk._where((fleet, answer.text))


async def send_heartbeats(walk: Walk) -> None:
    """Of some pools, whose leases may run out before the next ones."""
    fleet, lease = walk.fleet(), walk.rng.choice([1, 2, 10, 3600])
    beats = [{"pool_id": walk.pool(), "ttl_seconds": lease, "count": 1} for _ in range(walk.rng.randint(1, 4))]
    answer = await walk.of_fleet("POST", "/pools/heartbeats", fleet, json={"heartbeats": beats})
    if answer.is_success:
        assert [one["pool_id"] for one in answer.json()["pools"]] == [one["pool_id"] for one in beats], walk._where(
            beats
        )


async def end_guard(walk: Walk) -> None:
    selection = walk.rng.choice([{}, {"pool_class": walk.rng.choice([*CLASSES, "none"])}])
    await walk.of_fleet("POST", "/pools/guard", walk.fleet(), json={"action": "end", **selection})


async def _statuses(walk: Walk, fleet: str) -> dict[str, str]:
    page = (await walk.of_fleet("GET", "/pools", fleet)).json().get("pools", [])
    return {pool["pool_id"]: pool["status"] for pool in page}


async def fail_pool(walk: Walk) -> None:
    await _fail(walk, walk.fleet(), walk.pool())


async def _fail(walk: Walk, fleet: str, pool: str) -> None:
    answer = await walk.of_pool("POST", "/fail", fleet, pool)
    if answer.is_success:
        ended = answer.json()["ended_session_ids"]
        mine = {id_ for id_, where in walk.live.get(fleet, {}).items() if where == pool}
        assert mine <= set(ended), walk._where((fleet, pool, answer.text))
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


async def repair(walk: Walk) -> None:
    """Of a sound fleet: nothing is set aside, and all sessions stay."""
    answer = await walk.of_fleet("POST", "/repair", walk.fleet())
    if answer.is_success:
        assert answer.json()["set_aside"] == 0, walk._where(answer.text)


async def look(walk: Walk) -> None:
    """One of the calls that only read."""
    sound = (
        "",
        "/state",
        "/events",
        "/next",
        "/pools?limit=3",
        "/averages?window=60",
        "/optimum?load_per_pool=2",
        "/endpoints",
    )
    typed = f"/next?session_type={type_name(walk.rng)}", f"/optimum?load_per_pool={type_name(walk.rng)}:2"
    what = walk.rng.choice([*sound, *typed, "/averages?window=61", "/optimum?x=1"])
    fleet = walk.fleet()
    answer = await walk.of_fleet("GET", what, fleet, what.partition("?")[0])
    if answer.is_success and what == "/state":
        state = answer.json()
        assert sum(state["sessions"].values()) >= len(walk.live.get(fleet, ())), walk._where(state)
        assert state["utility"] <= state["utility_bound"] * (1 + 1e-12), walk._where(state)
        held = [one["sessions"]["active"] for one in state["session_types"]]
        assert not held or sum(held) == state["sessions"]["active"], walk._where(state)
        assert (state["compatibility_gap"] is not None) == bool(held), walk._where(state)
    if answer.is_success and what.startswith("/averages"):
        means = answer.json()
        least = -1e-9 * (1 + abs(means["utility_bound"] or 0))
        for name in ("placement_gap", "swing_gap", "compatibility_gap"):
            assert (means[name] or 0) >= least, walk._where((name, means))
    if answer.is_success and what == "/endpoints":
        for one in answer.json()["classes"]:
            assert len(one["pool_ids"]) == len(one["addresses"]) == len(one["occupancies"]), walk._where(one)
            assert max(one["occupancies"], default=0) <= one["capacity"], walk._where(one)


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
    assert answer.status_code in (400, 404, 422), walk._where((call, body, answer.text))


async def pass_time(walk: Walk) -> None:
    """A moment, or an outage; then each fleet is ticked, as by a dispatcher."""
    step = walk.rng.choice([1, 1000, 1_000_000, 4_000_000, 3_600_000_000, -5_000_000])
    walk.service.clock.now += step
    walk.pass_seconds(min(step / 1e6, MAX_STEP))
    for fleet in map(str, walk.service.redis.smembers("slta:fleets")):
        await walk.service.store.fleets.tick(fleet)


Step = Callable[[Walk], Coroutine[object, object, None]]
STEPS: Mapping[Step, int] = {
    assign: 40, complete: 30, report: 12, change_pool: 8, pass_time: 8, get_session: 6, operations: 6, put_fleet: 6,
    renew: 5, look: 5, add_pools: 4, place: 4, put_pool: 3, report_pool: 3, fail_pool: 2,
    send_heartbeats: 5, change_pools: 2, end_guard: 1, talk_nonsense: 2, delete_fleet: 1, empty_and_delete_fleet: 1,
    repair: 1, look_around: 1,
    be_ready: 1,
}  # fmt: skip
"""The steps of a walk, and how often each is taken beside the others."""


def table(walk: Walk) -> str:
    """Each call with how often it had each status."""
    by_call: dict[Call, dict[int, int]] = {}
    for (call, status), count in sorted(walk.made.items()):
        by_call.setdefault(call, {})[status] = count
    lines = [f"| `{m} {p}` | {json.dumps(s)[1:-1]} |".replace('"', "") for (m, p), s in by_call.items()]
    return "\n".join(["| call | answers by status |", "|---|---|", *lines])
