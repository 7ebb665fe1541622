"""Calls that change pools: in bulk, halved where they are too large, and stopped where others would fare no better."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from slta_client.replies import Reply
from slta_integrations.kubernetes import pools
from slta_integrations.kubernetes.metrics import Metrics, Telemetry
from slta_integrations.kubernetes.plan import SOURCE, Existing, Plan, Pool
from slta_integrations.kubernetes.pools import Pools, StoppedError
from slta_integrations.notices import Notices

DONE = Reply(200, "", {"created": ["a"] * 1000, "status": "failed"})


def refused(status: int, code: str, retry_after: float = 0.0) -> Reply:
    return Reply(status, code, {"detail": f"about {code}"}, retry_after)


class ScriptedClient:
    """Answers calls with `answers`, then with success."""

    def __init__(self, *answers: Reply) -> None:
        self._answers = list(answers)
        self.calls: list[tuple[str, str, Any]] = []

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        self.calls.append((method, path, body))
        return self._answers.pop(0) if self._answers else DONE

    async def pages(self, path: str) -> AsyncIterator[Reply]:
        yield await self.call("GET", path)

    @property
    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.calls]


def own(*ids: str, status: str = "active") -> dict[str, Pool]:
    return {id_: Pool(id_, "c", status, 0, "h:1", {SOURCE: "s"}) for id_ in ids}


def made(client: Any, *ids: str, status: str = "active", may_act: bool = True) -> Pools:
    changed = Pools(client, "s", lambda: may_act, Telemetry(Metrics(), Notices("kubernetes")))
    changed.existing = Existing(own(*ids, status=status), frozenset())
    return changed


def creations(*classes: str) -> Plan:
    entries = [{"pool_id": name, "pool_class": name, "address": "h:1", "labels": {}} for name in classes]
    return Plan.empty()._replace(creations=entries)


async def test_a_change_that_is_too_large_is_made_in_halves() -> None:
    client = ScriptedClient(refused(422, "change_too_large"))
    changed = made(client, "a", "b", "d")
    await changed.execute(Plan.empty()._replace(drains=["a", "b", "d"]))
    assert [body["pool_ids"] for _, _, body in client.calls] == [["a", "b", "d"], ["a"], ["b", "d"]]
    assert {pool.status for pool in changed.existing.own.values()} == {"draining"}


async def test_failed_pools_are_returned_one_by_one_and_drained_ones_in_bulk() -> None:
    client = ScriptedClient()
    changed = made(client, "a", "b", status="draining")
    changed.existing.own.update(own("f", status="failed"))
    await changed.execute(Plan.empty()._replace(returns=["a", "f", "b"]))
    assert client.calls[0][2] == {"status": "active", "pool_ids": ["a", "b"]}
    assert client.paths == ["POST pools/status", "POST pools/f/undrain"]


async def test_a_pool_is_failed_before_it_is_removed_and_is_not_if_that_fails() -> None:
    client = ScriptedClient(DONE, DONE, refused(404, "unknown_pool"))
    await made(client, "a", "b", "d").execute(Plan.empty()._replace(removals={"a": True, "b": True, "d": False}))
    assert client.paths == ["POST pools/a/fail", "DELETE pools/a", "POST pools/b/fail", "DELETE pools/d"]


async def test_a_change_of_one_pool_is_known_without_its_answer() -> None:
    other = Reply(200, "", {"other": 1})
    changed = made(ScriptedClient(other, refused(409, "x"), other), "a")
    changed.existing.own.update(own("f", status="failed"))
    await changed.execute(Plan.empty()._replace(removals={"a": True}))
    await changed.execute(Plan.empty()._replace(returns=["f"]))
    assert {id_: pool.status for id_, pool in changed.existing.own.items()} == {"a": "failed", "f": "active"}


async def test_only_so_many_pools_are_removed_before_it_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MAX_REMOVALS", 2)
    client = ScriptedClient()
    await made(client, "a", "b", "d").execute(Plan.empty()._replace(removals={"a": False, "b": False, "d": False}))
    assert client.paths == ["DELETE pools/a", "DELETE pools/b"]


async def test_a_class_that_is_refused_waits_and_others_do_not() -> None:
    client = ScriptedClient(refused(422, "unknown_class"))
    changed = made(client)
    await changed.execute(creations("x", "c"))
    await changed.execute(creations("x", "c"))
    assert [body["pools"][0]["pool_class"] for _, _, body in client.calls] == ["x", "c", "c"]
    assert set(changed.existing.own) == {"c"}


async def test_many_pools_are_made_a_thousand_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "BULK", 2)
    client = ScriptedClient()
    entries = [{"pool_id": f"p-{n}", "pool_class": "c", "address": "h:1", "labels": {}} for n in range(5)]
    await made(client).execute(Plan.empty()._replace(creations=entries))
    assert [len(body["pools"]) for _, _, body in client.calls] == [2, 2, 1]


@pytest.mark.parametrize(
    "answer",
    [
        Reply(0, "timeout", {}),
        refused(503, "store_unavailable"),
        refused(429, "rate_limited"),
        refused(401, "unauthenticated"),
        refused(403, "pool_not_allowed"),
        refused(404, "unknown_fleet"),
    ],
)
async def test_where_other_calls_would_fare_no_better_the_plan_is_stopped(answer: Reply) -> None:
    client = ScriptedClient(answer)
    with pytest.raises(StoppedError):
        await made(client, "a").execute(Plan.empty()._replace(drains=["a"], removals={"a": True}))
    assert client.paths == ["POST pools/status"]


async def test_how_long_slta_wants_to_be_left_alone_is_kept() -> None:
    changed = made(ScriptedClient(refused(503, "overloaded", 7.0)), "a")
    with pytest.raises(StoppedError):
        await changed.execute(Plan.empty()._replace(drains=["a"]))
    assert changed.retry_after == 7.0


async def test_without_the_lease_no_call_is_made() -> None:
    client = ScriptedClient()
    with pytest.raises(StoppedError):
        await made(client, "a", may_act=False).execute(Plan.empty()._replace(drains=["a"]))
    assert client.calls == []


async def test_after_an_error_pools_are_read_again() -> None:
    page = Reply(200, "", {"pools": [], "next_cursor": None})
    changed = made(ScriptedClient(page, refused(409, "pool_not_empty")), "a")
    assert changed.is_due
    await changed.read()
    assert not changed.is_due
    changed.existing.own.update(own("a"))
    await changed.execute(Plan.empty()._replace(removals={"a": False}))
    assert changed.is_due


ENTRY = {"pool_id": "b", "pool_class": "c", "status": "active", "occupancy": 0}


@pytest.mark.parametrize(
    "body",
    [
        {"other": 1},
        {"pools": None},
        {"pools": [{"pool_id": "a"}]},
        {"pools": [ENTRY | {"pool_id": ["a"]}]},
        {"pools": [ENTRY | {"labels": ["a"]}]},
        {"pools": [ENTRY | {"occupancy": "many"}]},
        {"pools": [ENTRY], "next_cursor": {"a": 1}},
    ],
)
async def test_a_page_that_is_none_changes_nothing(body: dict[str, Any]) -> None:
    changed = made(ScriptedClient(Reply(200, "", body)), "a")
    with pytest.raises(StoppedError):
        await changed.read()
    assert set(changed.existing.own) == {"a"}


async def test_pools_are_read_again_after_a_creation_whose_answer_is_not_one() -> None:
    changed = made(ScriptedClient(Reply(200, "", {"pools": []}), Reply(200, "", {"created": 1})))
    await changed.read()
    await changed.execute(creations("x"))
    assert changed.is_due
