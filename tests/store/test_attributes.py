"""Addresses and labels of pools: what sets them, which answers carry them, and what a change leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from slta.models import AlreadyEnded, Completed, LabelledPlacement, PoolSpec, errors
from slta.store import Store
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, TWO_CLASSES, create, everything, findings, place, repair, spec, unchanged
from tests.store.test_reports import observing, report

ADDRESS, LABELS = "10.0.0.7:8080", {"zone": "a", "rack": "é"}
ONE = {"small": 1}


@pytest.fixture
async def one(store: Store) -> None:
    """A fleet of one pool, `small-0`, with an address and labels."""
    await create(store, spec(*TWO_CLASSES), ONE)
    await store.pools.move(FLEET, PoolSpec("small-0", "small", ADDRESS, LABELS))


async def attributes(store: Store, pool_id: str = "small-0") -> tuple[str | None, dict[str, str]]:
    pool = await store.pools.get(FLEET, pool_id)
    return pool.address, dict(pool.labels)


# Setting


@pytest.mark.parametrize("address", ["null", "{}"])
async def test_an_address_that_reads_as_nothing_in_json_is_kept(store: Store, one: None, address: str) -> None:
    await store.pools.move(FLEET, PoolSpec("small-0", "small", address))
    assert await attributes(store) == (address, LABELS)


async def test_a_refused_list_changes_no_attribute(store: Store, one: None, redis: Redis) -> None:
    with unchanged(redis), pytest.raises(errors.UnknownClassError):
        await store.pools.add(FLEET, [PoolSpec("small-0", "small", "x:1"), PoolSpec("y", "nowhere")])


async def test_attributes_follow_a_pool_to_its_class_and_go_with_it(store: Store, one: None, redis: Redis) -> None:
    moved, _ = await store.pools.move(FLEET, PoolSpec("small-0", "large"))
    assert (moved.address, moved.labels) == (ADDRESS, LABELS)
    await store.pools.remove(FLEET, "small-0")
    assert redis.exists(f"{{{FLEET}}}:addresses", f"{{{FLEET}}}:labels") == 0
    await store.pools.add(FLEET, [PoolSpec("small-0", "small")])
    assert await attributes(store) == (None, {})


async def test_an_assign_after_a_change_has_the_new_address(store: Store, one: None) -> None:
    seen = []
    for address in ("a:1", None, "b:1"):
        await store.pools.move(FLEET, PoolSpec("small-0", "small", address))
        seen.append((await store.sessions.assign(FLEET, f"s-{address}", None)).address)
    assert seen == ["a:1", None, "b:1"]


async def test_the_event_of_a_change_has_the_address_before_and_after(store: Store, one: None) -> None:
    await store.pools.move(FLEET, PoolSpec("small-0", "small", "b:1"))
    newest = (await store.fleets.events(FLEET))[0]
    assert newest.before is not None
    assert newest.after is not None
    assert (newest.action, newest.before.pool_address, newest.after.pool_address) == ("move_pool", ADDRESS, "b:1")


# Answers


async def test_each_answer_that_names_a_pool_has_its_address(store: Store, one: None) -> None:
    sessions = store.sessions
    placed = await sessions.assign(FLEET, "s", None)
    again = await sessions.assign(FLEET, "s", None)
    live = await sessions.get(FLEET, "s")
    same = await report(store, "s", "small-0")
    completed, ended = await sessions.complete(FLEET, "s"), await sessions.complete(FLEET, "s")
    page = (await store.pools.page(FLEET, None, 10)).pools
    drained = await store.pools.set_status(FLEET, "small-0", "draining")
    assert isinstance(completed, Completed)
    assert isinstance(ended, AlreadyEnded)
    named: list[Any] = [placed, again, live, same, completed, ended, page[0], drained]
    assert [answer.address for answer in named] == [ADDRESS] * len(named)
    assert (live.labels, page[0].labels, drained.labels) == (LABELS, LABELS, LABELS)


async def test_a_refusal_that_names_a_pool_has_its_address(store: Store, one: None) -> None:
    await place(store, 1)
    await store.sessions.complete(FLEET, "s0")
    for call in (store.sessions.assign(FLEET, "s0", None), store.sessions.get(FLEET, "s0")):
        with pytest.raises(errors.SessionEndedError) as refused:
            await call
        assert refused.value.context == {"pool_id": "small-0", "reason": "completed", "address": ADDRESS}


async def test_a_comparison_has_the_address_of_the_choice(store: Store) -> None:
    await create(store, observing(), {"steps": 1, "small": 1})
    await store.pools.move(FLEET, PoolSpec("steps-0", "steps", ADDRESS))
    reported = await report(store, "s", "small-0")
    assert reported.jlmu_choice is not None
    assert (reported.address, reported.jlmu_choice.address) == (None, ADDRESS)


@pytest.mark.parametrize("labels", [LABELS, None])
async def test_labels_come_with_an_assign_that_asks(store: Store, one: None, labels: dict[str, str] | None) -> None:
    await store.pools.move(FLEET, PoolSpec("small-0", "small", None, labels))
    for replayed in (False, True):
        placed = await store.sessions.assign(FLEET, "s", None, labels=True)
        assert isinstance(placed, LabelledPlacement)
        assert (placed.replayed, placed.labels, placed.address) == (replayed, labels or {}, None)


async def test_labels_are_asked_for_in_a_fleet_without_attributes(store: Store) -> None:
    await create(store, spec(*TWO_CLASSES), ONE)
    placed = await store.sessions.assign(FLEET, "s", None, labels=True)
    assert isinstance(placed, LabelledPlacement)
    assert placed.labels == {}


async def test_in_a_batch_each_outcome_has_the_address_of_its_own_pool(store: Store, one: None) -> None:
    await store.pools.add(FLEET, [PoolSpec("large-0", "large"), PoolSpec("large-1", "large", "l:1")])
    await place(store, 6)
    addresses = {pool.pool_id: pool.address for pool in (await store.pools.page(FLEET, None, 10)).pools}
    requests = [("assign", f"s{k}", "", "") for k in range(6)]
    requests[2:2] = [("renew", "never", "", ""), ("complete", "unheard-of", "", "")]
    outcomes: list[Any] = await store.sessions.operate(FLEET, requests)
    told = [outcome for outcome in outcomes if outcome[0] == "REPLAYED"]
    assert [outcome[7] if len(outcome) > 7 else None for outcome in told] == [addresses[outcome[1]] for outcome in told]
    assert {addresses[outcome[1]] for outcome in told} == {ADDRESS, None, "l:1"}


async def test_a_renewal_has_no_address(store: Store, one: None) -> None:
    await place(store, 1)
    [outcome] = await store.sessions.operate(FLEET, [("renew", "s0", "", "")])
    assert not isinstance(outcome, Exception)
    assert (outcome[:2], ADDRESS in outcome) == (["RENEWED", "small-0"], False)


async def test_an_assign_takes_one_call_with_an_address_too(store: Store, one: None, calls: Calls) -> None:
    calls.functions.clear()
    await store.sessions.assign(FLEET, "s", None, touch=True, labels=True)
    assert calls.functions == [("batch", 1)]


async def test_the_replay_log_keeps_no_attribute_of_a_placement(store: Store, one: None) -> None:
    [calls] = store._replay_log._calls.values()
    calls.clear()
    await store.sessions.assign(FLEET, "s", None, labels=True)
    await store.sessions.complete(FLEET, "s")
    assert len(calls) == 2
    assert [call for call in calls if ADDRESS.encode() in call.payload or b"zone" in call.payload] == []


# Options of operations


async def test_touch_renews_a_live_session_s_lease(store: Store, one: None, clock: Clock, calls: Calls) -> None:
    await store.sessions.assign(FLEET, "s", 60, touch=True)
    left = []
    for lease, touch in ((None, False), (None, True), (90, True), (30, False)):
        clock.advance(5)
        await store.sessions.assign(FLEET, "s", lease, touch=touch)
        left.append((await store.sessions.get(FLEET, "s")).lease_seconds_left)
    assert left == [pytest.approx(seconds, abs=1) for seconds in (55, 60, 90, 85)]
    assert [call for call in calls.functions if call[0] == "batch"] == [("batch", 1)] * 5


async def test_a_touched_session_lives_on_after_its_first_lease(store: Store, one: None, clock: Clock) -> None:
    await store.sessions.assign(FLEET, "s", 60)
    for _ in range(30):
        clock.advance(4)
        assert (await store.sessions.assign(FLEET, "s", None, touch=True)).replayed


async def test_an_unmarked_complete_leaves_no_tombstone(store: Store, one: None, redis: Redis) -> None:
    before = everything(redis)
    with pytest.raises(errors.UnknownSessionError):
        await store.sessions.complete(FLEET, "s", mark=False)
    after = everything(redis)
    assert {key for key in before | after if after.get(key) != before.get(key)} <= {f"{{{FLEET}}}:fleet"}
    assert not (await store.sessions.assign(FLEET, "s", None)).replayed


async def test_an_unmarked_complete_ends_a_live_session(store: Store, one: None) -> None:
    await place(store, 1)
    assert isinstance(await store.sessions.complete(FLEET, "s0", mark=False), Completed)
    assert isinstance(await store.sessions.complete(FLEET, "s0", mark=False), AlreadyEnded)


# Audit and repair


EVERY_CHARACTER = "".join(map(chr, range(0x21, 0x7F))).replace(",", "")


async def test_the_audit_takes_every_address_and_labels_of_any_size(store: Store, one: None) -> None:
    escaped = {f"{'k' * 40}{n}": "\u20ac" * 6 for n in range(16)}
    pools = [PoolSpec("a", "small", EVERY_CHARACTER, escaped), PoolSpec("b", "large", "x" * 255, {"k": "\u00e9" * 511})]
    await store.pools.add(FLEET, pools)
    assert await findings(store, spec(*TWO_CLASSES)) == []


async def test_a_repair_keeps_attributes(store: Store, one: None) -> None:
    repaired = await repair(store, spec(*TWO_CLASSES))
    assert (repaired.set_aside, await attributes(store)) == (0, (ADDRESS, LABELS))


async def test_damaged_labels_are_left_out_and_found(store: Store, one: None, redis: Redis) -> None:
    labels = redis.hget(f"{{{FLEET}}}:labels", "small-0")
    redis.hset(f"{{{FLEET}}}:labels", "small-0", "{")
    assert (await store.pools.get(FLEET, "small-0")).labels == {}
    assert await findings(store, spec(*TWO_CLASSES)) == [
        "labels of pool small-0: there is no such pool, or it is unreadable"
    ]
    redis.hset(f"{{{FLEET}}}:labels", "small-0", labels)
