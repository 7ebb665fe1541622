"""Fleets over HTTP: what PUT takes, and what guards it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from redis import Redis

from slta.core.limits import MAX_CLASSES
from tests.api.conftest import FLEET, Api, assign, dumped, refusal


def changed(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(FLEET) | changes


async def test_what_get_answers_can_be_edited_and_put_back(api: Api, fleet: str) -> None:
    document = (await api.get(fleet)).json()
    document["policy"] = "jlmu"
    assert (await api.put(fleet, json=document)).status_code == 200
    # The version in the document is the one it was read at: a second writer with the same copy is too late.
    assert refusal(await api.put(fleet, json=document)) == (412, "version_mismatch")


async def test_numbers_of_a_fleet_come_back_as_they_were_written(api: Api) -> None:
    classes = b'[{"name": "a", "capacity": 2, "utility": {"kind": "linear", "slope": 0.10}}]'
    text = b'{"lease_seconds": 1e2, "classes": ' + classes + b"}"
    await api.put("/v1/fleets/f", content=text, headers={"Content-Type": "application/json"})
    answer = await api.get("/v1/fleets/f")
    assert '"slope": 0.1}' in answer.text
    assert '"lease_seconds": 100,' in answer.text


async def test_the_order_is_put_told_and_changed(api: Api, fleet: str) -> None:
    for order in ({"kind": "kink"}, {"kind": "index", "load_per_pool": 1.5, "pools": 4}, {"kind": "paper"}):
        answer = await api.put(fleet, json=changed(policy="jlmu", order=order))
        assert (answer.status_code, answer.json()["order"]) == (200, order)
        assert (await api.get(fleet)).json()["order"] == order


async def test_auto_follows_the_pools_with_a_dead_band_and_a_change_is_an_event(api: Api, fleet: str) -> None:
    async def resolved(**stated: Any) -> str:
        classes = [one | stated for one in FLEET["classes"]]
        put = (await api.put(fleet, json=changed(policy="auto", classes=classes, resolved_policy="observe"))).json()
        state = (await api.get(f"{fleet}/state")).json()
        assert (put["policy"], state["stated_policy"], state["policy"]) == ("auto", "auto", put["resolved_policy"])
        return str(state["policy"])

    seen = [await resolved(pools=pools) for pools in (9, 11, 15, 11, 9)]
    assert seen == ["jlmu", "jlmu", "slta", "slta", "jlmu"]
    assert await resolved(pools=0) == "slta", "the fleet has 30 pools, which the file does not state"
    events = (await api.get(f"{fleet}/events")).json()["events"]
    told = [one["after"]["policy"] for one in events if one["action"] == "put_fleet"]
    assert told == ["slta", *reversed(seen), "slta"], "newest first"
    assert "resolved_policy" not in (await api.put(fleet, json=changed(resolved_policy="jlmu"))).json()


async def test_a_learned_curve_stays_until_it_is_replaced_or_the_file_marks_it_no_more(api: Api, fleet: str) -> None:
    async def put(value: float, mark: str | None = "learned", **body: Any) -> list[float]:
        curve = {"kind": "table", "values": [0, value, value + 1, value + 2]}
        one = FLEET["classes"][0] | {"utility": curve, "capacity": 3} | ({"curve": mark} if mark else {})
        answer = await api.put(fleet, json=changed(classes=[one, *FLEET["classes"][1:]], **body))
        return list(answer.json()["classes"][0]["utility"].get("values", ()))

    assert await put(3, mark=None) == [0, 3, 4, 5]
    assert await put(4) == await put(5) == [0, 3, 4, 5], "the fleet's"
    assert await put(6, learned_curves="replace") == [0, 6, 7, 8]
    assert await put(4) == [0, 6, 7, 8]
    assert await put(4, config_version=6) == [0, 6, 7, 8], "an edit of a version, which keeps it too"
    assert await put(4, mark=None) == [0, 4, 5, 6]
    classes = [one | {"curve": "learned", "capacity": 2} for one in FLEET["classes"]]
    curves = (await api.put(fleet, json=changed(classes=classes))).json()["classes"]
    assert curves[0]["utility"] == FLEET["classes"][0]["utility"], "of another capacity, the file's"
    events = (await api.get(f"{fleet}/events")).json()["events"]
    assert [events[0][name]["config_version"] for name in ("before", "after")] == [8, 9]


async def test_learned_curves_keep_their_unit_and_no_other_curve_may_stand_beside_them(api: Api, fleet: str) -> None:
    classes = [one | {"curve": "learned"} for one in FLEET["classes"]]
    await api.put(fleet, json=changed(classes=classes, utility_unit="MOS"))
    assert (await api.put(fleet, json=changed(classes=classes))).json()["utility_unit"] == "MOS"
    grown = [classes[0] | {"capacity": classes[0]["capacity"] + 1}, *classes[1:]]
    refused = await api.put(fleet, json=changed(classes=grown))
    assert refusal(refused) == (422, "invalid_fleet")
    assert "utility_unit: must be stated: learned curves, which stay, are in MOS" in refused.text
    assert (await api.put(fleet, json=changed(classes=grown, utility_unit="MOS"))).status_code == 200


async def test_if_match_lets_only_the_version_it_names_be_changed(api: Api, fleet: str) -> None:
    for header, value, status in (
        *(("If-Match", value, 412) for value in ('"2"', '"a"')),
        *(("If-Match", value, 400) for value in ("1", '"1", "2"', '"1')),
        *(("If-None-Match", value, status) for value, status in {"*": 412, '"2"': 400}.items()),
    ):
        assert (await api.put(fleet, json=changed(policy="jlmu"), headers={header: value})).status_code == status, value
    assert (await api.get(fleet)).json()["policy"] == "slta"
    for version, value in enumerate(('"1"', 'W/"2"', "*"), start=2):
        answer = await api.put(fleet, json=changed(policy="jlmu"), headers={"If-Match": value})
        assert (answer.status_code, answer.headers["ETag"]) == (200, f'"{version}"')
        assert (await api.get(fleet)).json() == answer.json()
        assert answer.json()["config_version"] == version


async def test_64_classes_have_a_cost_each(api: Api) -> None:
    classes = [{**FLEET["classes"][0], "name": f"c{i}", "pools": 0} for i in range(MAX_CLASSES)]
    scale = {"budget": 9, "classes": {one["name"]: {"cost": 1} for one in classes}}
    assert (await api.put("/v1/fleets/new", json={**FLEET, "classes": classes, "scale": scale})).status_code == 201


async def test_a_guard_on_a_fleet_that_does_not_exist(api: Api) -> None:
    for header, value, status in (("If-Match", "*", 412), ("If-Match", '"1"', 412), ("If-None-Match", "*", 201)):
        assert (await api.put("/v1/fleets/new", json=FLEET, headers={header: value})).status_code == status


async def test_delete_heeds_if_match(api: Api, fleet: str) -> None:
    assert (await api.delete(fleet, headers={"If-Match": '"7"'})).status_code == 412
    assert (await api.delete(fleet, headers={"If-Match": '"1"'})).status_code == 204
    assert (await api.get(fleet)).json()["code"] == "unknown_fleet"


async def test_put_creates_missing_pools_and_touches_no_others(api: Api, fleet: str) -> None:
    await api.post(f"{fleet}/pools/small-1/drain")
    await api.delete(f"{fleet}/pools/small-2")
    await api.put(fleet, json=FLEET)
    pools = (await api.get(f"{fleet}/pools")).json()["pools"]
    others = dict.fromkeys(("small-2", "large-1", "large-2"), "active")
    assert {p["pool_id"]: p["status"] for p in pools} == {"small-1": "draining"} | others


def with_class(**changes: Any) -> dict[str, Any]:
    return {"classes": [FLEET["classes"][0] | changes]}


TABLE = {"kind": "table", "values": [0, 1, 1.5, 2.1]}


@pytest.mark.parametrize(
    ("file", "detail"),
    [
        ({}, "classes: field required"),
        ({"clases": []}, "clases: is not a known field; did you mean classes?"),
        ({"classes": []}, "classes: list should have at least 1 item"),
        (with_class(capacity=4097), "classes[0].capacity: input should be less than or equal to 4096"),
        (with_class(capacity=2.5), "classes[0].capacity: input should be a valid integer"),
        (with_class(capacity="3"), "classes[0].capacity: input should be a valid integer"),
        (with_class(name="a/b"), "classes[0].name: must be a name, which has 1 to 128 of"),
        (with_class(utility={"kind": "log_share", "resource": 0}), "utility.resource: input should be greater"),
        (with_class(utility={"kind": "linear"}), "classes[0].utility.slope: field required"),
        (with_class(utility=TABLE | {"values": [0, 1]}), "classes[0]: utility.values must have capacity + 1 values"),
        (with_class(utility=TABLE | {"values": [0, "1", "2", "3"]}), "classes[0].utility.values[1]: must be a number"),
        (with_class(utility=TABLE | {"values": [1, 2, 3, 4]}), "classes[0].utility: values must begin with u(0) = 0"),
        (with_class(pools=65_537), "classes[0].pools: input should be less than or equal to 65536"),
        ({"classes": [FLEET["classes"][0]] * 2}, "classes must have different names"),
        (
            {"classes": [{**FLEET["classes"][0], "name": f"c{i}", "capacity": 4096, "pools": 0} for i in range(5)]},
            "the capacities of all classes must add up to at most 16384",
        ),
        ({"classes": [{**FLEET["classes"][0], "name": f"c{i}"} for i in range(65)]}, "at most 64 items"),
        (FLEET | {"beta": {"exponent": 0.4, "fixed": 0.1}}, "beta: must have either exponent or fixed"),
        (FLEET | {"beta": {"exponent": 2}}, "beta.exponent: input should be less than or equal to 1"),
        (FLEET | {"lease_seconds": -1}, "lease_seconds: input should be greater than or equal to 0"),
        (FLEET | {"lease_seconds": 0.0001}, "lease_seconds: must be 0, for no lease, or at least 0.001"),
        (FLEET | {"retention_seconds": 0}, "retention_seconds: input should be greater than or equal to 1"),
        (FLEET | {"fleet": "other"}, "fleet: must be the name in the path"),
        ([], "the body must be an object"),
    ],
)
async def test_a_wrong_fleet_file_is_refused_with_the_reason(api: Api, fleet: str, file: object, detail: str) -> None:
    answer = await api.put(fleet, json=file)
    assert refusal(answer) == (422, "invalid_fleet")
    assert detail in answer.json()["detail"]
    assert (await api.get(fleet)).json()["config_version"] == 1


# Repair


async def test_a_repair_rebuilds_the_fleet_and_says_how(api: Api, fleet: str, redis: Redis) -> None:
    [pool_id] = await assign(api, fleet, "s")
    redis.delete("{f}:names", "{f}:pools:1")
    answer = await api.post(f"{fleet}/repair")
    told = answer.json()
    assert (answer.status_code, told) == (200, {"fleet": "f", "slices": told["slices"], "set_aside": 0})
    assert told["slices"] > 1
    assert (await api.get(f"{fleet}/sessions/s")).json()["pool_id"] == pool_id


async def test_a_repair_that_would_set_much_aside_is_409_until_allowed(api: Api, fleet: str, redis: Redis) -> None:
    assert (await api.post("/v1/fleets/nobody/repair")).json()["code"] == "unknown_fleet"
    await assign(api, fleet, "s", "t")
    redis.hset("{f}:sessions", "stranger", "rubbish")
    answer = await api.post(f"{fleet}/repair")
    assert refusal(answer) == (409, "would_set_aside")
    assert "1 of 3 sessions" in answer.json()["detail"]
    assert redis.hget("{f}:sessions", "stranger") == b"rubbish"
    answer = await api.post(f"{fleet}/repair", json={"set_aside": True})
    assert (answer.status_code, answer.json()["set_aside"]) == (200, 1)
    assert (await api.get(f"{fleet}/sessions/t")).status_code == 200


async def test_a_fleet_that_cannot_be_read_is_503_fleet_damaged(api: Api, fleet: str, redis: Redis) -> None:
    """Of a lost document the calls that need it say so; sessions are served."""
    redis.hdel("{f}:document", "text")
    for path in ("", "/state", "/next", "/averages?window=60", "/endpoints"):
        answer = await api.get(f"{fleet}{path}")
        assert refusal(answer) == (503, "document_unreadable")
        assert "PUT the configuration" in answer.json()["detail"]
    assert (await api.post(f"{fleet}/repair")).json()["code"] == "document_unreadable"
    assert (await api.post(f"{fleet}/assign", json={})).status_code == 201
    assert (await api.get("/metrics")).status_code == 200
    assert (await api.put(fleet, json=FLEET)).status_code == 200
    redis.delete("{f}:fleet")
    answer = await api.post(f"{fleet}/assign", json={})
    assert refusal(answer) == (503, "fleet_damaged")
    assert answer.headers["Retry-After"] == "1"


# The unit of utilities


async def test_a_unit_is_shown_with_the_configuration_and_the_state(api: Api, fleet: str) -> None:
    assert (await api.get(f"{fleet}/state")).json()["utility_unit"] is None
    put = await api.put(fleet, json=FLEET | {"utility_unit": "frames/s"})
    assert put.json()["utility_unit"] == (await api.get(fleet)).json()["utility_unit"] == "frames/s"
    assert (await api.get(f"{fleet}/state")).json()["utility_unit"] == "frames/s"


async def test_another_unit_begins_no_window_and_rebuilds_no_table(api: Api, fleet: str, redis: Redis) -> None:
    await assign(api, fleet, *(f"s{k}" for k in range(9)))
    state, before = (await api.get(f"{fleet}/state")).json(), dumped(redis)
    assert (await api.put(fleet, json=FLEET | {"utility_unit": "frames/s"})).status_code == 200
    after = dumped(redis)
    changed_keys = {key for key in before | after if before.get(key) != after.get(key)}
    assert changed_keys == {b"{f}:document", b"{f}:fleet", b"{f}:events"}
    later = (await api.get(f"{fleet}/state")).json()
    assert (later["estimate_rank"], later["counters"]) == (state["estimate_rank"], state["counters"])
    assert (await api.get(f"{fleet}/averages", params={"since": state["integrals"]})).status_code == 200
