"""Random calls about sessions: what each answer must be, and what must live after it."""

from __future__ import annotations

from slta.api.http.openapi import CODES
from tests.api_fuzz.random_types import type_field, type_name
from tests.api_fuzz.walk import Walk


async def assign(walk: Walk) -> None:
    """Now and then without an id."""
    fleet = walk.fleet()
    session = {"session_id": walk.session(fleet)} if walk.rng.random() < 0.9 else {}
    asked = {**session, **walk.lease(), **type_field(walk.rng)}
    answer = await walk.of_fleet("POST", "/assign", fleet, json=asked)
    if answer.is_success:
        walk.placed(fleet, answer.json()["session_id"], answer.json(), asked)
    elif answer.status_code == 409:
        assert session.get("session_id") not in walk.live.get(fleet, {}), walk.where((fleet, session, answer.text))


async def place(walk: Walk) -> None:
    """As a proxy does it: the answer is in headers, and every refusal is 503."""
    fleet = walk.fleet()
    session = walk.session(fleet)
    headers = {"X-Session-Id": session, "X-Slta-Lease": walk.rng.choice(["", "0", "20", "x"])}
    headers["X-Slta-Session-Type"] = walk.rng.choice(["", "", "a b", type_name(walk.rng)])
    path = f"/v1/fleets/{fleet}/place"
    answer = await walk.service.api.get(path, headers=headers)
    walk.made[("GET", "/v1/fleets/{fleet}/place"), answer.status_code] += 1
    where, pool = walk.where((path, headers, answer.headers)), walk.live.get(fleet, {}).get(session)
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
    told, where = answer.json(), walk.where((fleet, session, answer.text))
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
        assert session not in walk.live.get(fleet, {}), walk.where((fleet, session, answer.text))


async def renew(walk: Walk) -> None:
    fleet = walk.fleet()
    ids = [walk.session(fleet) for _ in range(walk.rng.randint(0, 5))]
    mine = walk.live.get(fleet, {})
    lease = walk.lease()
    answer = await walk.of_fleet("POST", "/renew", fleet, json={"session_ids": ids, **lease})
    if answer.is_success:
        assert {id_ for id_ in ids if id_ in mine} <= set(answer.json()["renewed"]), walk.where(answer.text)
        if lease.get("lease_seconds"):
            for id_ in ids:
                mine.pop(id_, None)  # it may end by itself from now on


async def get_session(walk: Walk) -> None:
    fleet = walk.fleet()
    session = walk.session(fleet)
    answer = await walk.of_fleet("GET", f"/sessions/{session}", fleet, "/sessions/{session_id}")
    pool = walk.live.get(fleet, {}).get(session)
    if pool:
        assert answer.json()["pool_id"] == pool, walk.where((fleet, session, answer.text))
    elif session in walk.ended.get(fleet, ()):
        assert answer.status_code in (404, 409), walk.where((fleet, session, answer.text))


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
                assert outcome["status"] < 500, walk.where(outcome)
