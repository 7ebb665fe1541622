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

    async def go(self, calls: int, steps: Mapping[Step, int]) -> None:
        """Until so many calls were made; the audit now and then, and at the end."""
        among, audited = [step for step, often in steps.items() for _ in range(often)], 0
        while self.calls < calls:
            await self.rng.choice(among)(self)
            if self.calls - audited >= AUDITED_EACH:
                audited = self.calls
                self.audit()
        self.audit()

    def audit(self) -> None:
        """Every fleet's invariants hold, and the sessions that must live are there."""
        redis = self.service.redis
        for fleet in map(str, redis.smembers("slta:fleets")):
            assert violations(redis, fleet) == [], self.where(fleet)
            there = {id_: record.split()[0] for id_, record in redis.hgetall(f"{{{fleet}}}:sessions").items()}
            mine = self.live.get(fleet, {})
            assert mine.items() <= there.items(), self.where(fleet)

    def where(self, what: object) -> str:
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
        where = self.where((method, path, answer.status_code, answer.text))
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
        where = self.where((fleet, session, body))
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
            assert (body["outcome"], body["pool_id"]) == ("completed", mine[session]), self.where(body)
        assert pool in (None, body["pool_id"]), self.where(body)
        self.over(fleet, session)


Step = Callable[[Walk], Coroutine[object, object, None]]
"""One or more calls, and what their answers must be."""


def table(walk: Walk) -> str:
    """Each call with how often it had each status."""
    by_call: dict[Call, dict[int, int]] = {}
    for (call, status), count in sorted(walk.made.items()):
        by_call.setdefault(call, {})[status] = count
    lines = [f"| `{m} {p}` | {json.dumps(s)[1:-1]} |".replace('"', "") for (m, p), s in by_call.items()]
    return "\n".join(["| call | answers by status |", "|---|---|", *lines])
