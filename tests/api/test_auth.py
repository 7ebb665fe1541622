"""Who may do what."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from fastapi.routing import APIRoute

from slta.api.app import build_api
from slta.api.http.authorization import FAILURES
from slta.auth import key_reader
from slta.auth.key_reader import reload_if_changed
from slta.auth.keys import UNRESTRICTED, Access, AccessError, KeyEntry, KeyFile, Scope, generate_key
from slta.auth.rate_limit import Rate, RateLimiter
from slta.store import Store
from tests.api.conftest import FLEET, NewClient, no_metrics, refusal
from tests.event_loop import measured_callbacks

SCOPES: tuple[Scope, ...] = get_args(Scope)
OPENED_BY = {
    "assign": ("POST /assign", "GET /place"),
    "complete": ("POST /complete",),
    "assign complete": ("POST /renew",),
    "assign complete pool": ("POST /operations",),
    "read assign complete pool": ("GET /sessions/{session_id}",),
    "": ("PUT ", "DELETE "),
    "admin": ("POST /repair",),
    "read assign": ("GET /endpoints",),
    "read pool": ("GET ", *(f"GET /{name}" for name in ("state", "averages", "next", "events", "pools")),
                  "GET /quality", "GET /scale", "GET /pools/{pool_id}", "GET /pools/{pool_id}/sessions"),
    "pool": ("PUT /sessions/{session_id}", "POST /pools", "POST /pools/status",
             "POST /pools/heartbeats", "POST /pools/guard",
             "PUT /pools/{pool_id}",
             "DELETE /pools/{pool_id}",
             *(f"POST /pools/{{pool_id}}/{change}" for change in ("drain", "undrain", "fail")),
             "PUT /pools/{pool_id}/sessions"),
}  # fmt: skip
ALLOWED: dict[tuple[str, str], set[str]] = {
    ("GET", "/metrics"): {"metrics"},
    ("GET", "/v1/fleets"): {"read", "pool", "metrics"},
} | {
    (call.partition(" ")[0], f"/v1/fleets/{{fleet}}{call.partition(' ')[2]}"): set(scopes.split())
    for scopes, calls in OPENED_BY.items()
    for call in calls
}
"""Which scopes open a route besides admin, which opens all."""
PUBLIC = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/docs"), ("GET", "/openapi.json")}


class Keys:
    """Keys that are made as they are asked for."""

    def __init__(self) -> None:
        self.entries: dict[str, KeyEntry] = {}

    def __call__(self, *scopes: Scope, fleets: tuple[str, ...] = ()) -> str:
        text, entry = generate_key(scopes, fleets)
        self.entries[entry.id] = entry
        return text

    def access(self) -> Access:
        return Access(self.entries)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def keys() -> Keys:
    return Keys()


def routes() -> Iterator[tuple[str, str]]:
    nothing: Any = None
    app = build_api(store=nothing, access=Access.open(), render_metrics=no_metrics, docs_enabled=True)
    for route in app.routes:
        assert isinstance(route, APIRoute)
        yield from ((method, route.path) for method in route.methods or ())


def test_every_route_is_in_the_table_of_who_may_call_it() -> None:
    assert set(routes()) == ALLOWED.keys() | PUBLIC


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_scope_opens_what_the_table_says(store: Store, new_client: NewClient, keys: Keys, scope: Scope) -> None:
    client = new_client(store, key=keys(scope), access=keys.access())
    for (method, path), scopes in ALLOWED.items():
        answer = await client.request(method, path.replace("{", "").replace("}", ""))
        refused = answer.status_code in (403, 503) and answer.json()["code"] == "insufficient_scope"
        assert refused is (scope not in scopes and scope != "admin"), (method, path)
        wanted = sorted(scopes) or ["admin"]
        detail = f"This call requires a key with the scope {' or '.join(wanted)}."
        assert not refused or (answer.json()["scopes"], answer.json()["detail"]) == (wanted, detail)


async def test_nothing_but_the_probes_answers_without_a_key(store: Store, new_client: NewClient, keys: Keys) -> None:
    client = new_client(store, access=keys.access())
    for method, path in ALLOWED:
        answer = await client.request(method, path.replace("{", "").replace("}", ""))
        if answer.headers.get("X-Slta-Code"):
            assert refusal(answer) == (503, "unauthenticated")
        elif answer.status_code != 429:
            assert refusal(answer) == (401, "unauthenticated")
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="slta"'
    await store.check()
    for path in ("/healthz", "/readyz"):
        assert (await client.get(path)).status_code == 200


def wrong_keys(key: str) -> list[str]:
    key_id, secret = key.split(".")
    digest = hashlib.sha256(secret.encode()).hexdigest()
    secrets = (f".{secret[::-1]}", "", ".", f".{'a' * 5000}", f".{digest}")
    others = (f"Bearer slta-00000000.{secret}", "Bearer", f"Basic {key}", "\xff\xfe")
    return [*(f"Bearer {key_id}{wrong}" for wrong in secrets), *others]


async def test_every_wrong_key_gets_the_same_answer(store: Store, new_client: NewClient, keys: Keys) -> None:
    key = keys("admin")
    client = new_client(store, access=keys.access())
    bodies = set()
    for wrong in wrong_keys(key):
        headers = {b"Authorization": wrong.encode("latin-1"), b"X-Request-ID": b"same"}
        answer = await client.get("/v1/fleets", headers=headers)
        assert answer.status_code == 401
        bodies.add(answer.content)
    assert len(bodies) == 1
    for name in ("key", "api_key", "access_token", "authorization"):
        assert (await client.get("/v1/fleets", params={name: key})).status_code == 401


async def test_anothers_fleet_looks_as_if_it_did_not_exist(store: Store, new_client: NewClient, keys: Keys) -> None:
    mine, admin = keys("admin", fleets=("mine",)), keys("admin")
    access = keys.access()
    everybody, me = new_client(store, key=admin, access=access), new_client(store, key=mine, access=access)
    for name in ("mine", "theirs"):
        await everybody.put(f"/v1/fleets/{name}", json=FLEET)
    await everybody.post("/v1/fleets/theirs/assign", json={"session_id": "a"})
    same = {"X-Request-ID": "same"}
    calls: list[tuple[str, str, Any]] = [("GET", path, None) for path in ("", "/state", "/sessions/a")]
    calls += [("POST", "/assign", {"session_id": "b"}), ("POST", "/complete", {"session_id": "a"})]
    for method, path, body in (*calls, ("PUT", "", FLEET), ("DELETE", "", None)):
        theirs = await me.request(method, f"/v1/fleets/theirs{path}", json=body, headers=same)
        nobodys = await me.request(method, f"/v1/fleets/nobodys{path}", json=body, headers=same)
        assert theirs.status_code == 404
        assert (theirs.content, theirs.headers) == (nobodys.content, nobodys.headers)
    assert (await me.get("/v1/fleets")).json()["fleets"] == ["mine"]
    assert (await everybody.get("/v1/fleets/theirs/sessions/a")).status_code == 200
    assert (await me.get("/v1/fleets/mine")).status_code == 200


async def test_metrics_of_all_fleets_are_not_for_a_key_of_one(store: Store, new_client: NewClient, keys: Keys) -> None:
    one, all_ = keys("metrics", fleets=("mine",)), keys("metrics")
    client = new_client(store, access=keys.access())
    answers = [await client.get("/metrics", headers=bearer(key)) for key in (one, all_)]
    assert [answer.status_code for answer in answers] == [403, 200]


def write_keys(path: Path, *entries: KeyEntry) -> None:
    path.write_text(yaml.safe_dump({"keys": [entry.model_dump(mode="json", exclude_none=True) for entry in entries]}))


def holds(access: Access, key: str) -> bool:
    return access.identify(f"Bearer {key}") is not None


async def test_keys_are_rotated_without_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    (old, old_entry), (new, new_entry) = generate_key(["assign"]), generate_key(["assign"])
    write_keys(path, old_entry)
    access = Access.load(path)
    assert await reload_if_changed(access) is False
    write_keys(path, old_entry, new_entry)
    assert await reload_if_changed(access) is True
    assert holds(access, old)
    assert holds(access, new)
    write_keys(path, new_entry)
    assert await reload_if_changed(access) is True
    assert not holds(access, old)
    assert holds(access, new)


async def test_a_key_file_that_became_unusable_leaves_the_keys_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    key, entry = generate_key(["assign"])
    write_keys(path, entry)
    access = Access.load(path)
    for text in ("keys: [{", None):
        path.write_text(text) if text else path.unlink()
        with pytest.raises(AccessError, match="not valid YAML" if text else "No such file"):
            await reload_if_changed(access)
        assert holds(access, key)
        assert not await reload_if_changed(access), "it is read once"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [("__name__", "slta.no_such_module", "its reader ended"), ("PATIENCE_SECONDS", 0, "its reader failed: Timeout")],
)
async def test_a_reader_that_ends_or_hangs_leaves_the_keys_and_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, why: str
) -> None:
    path = tmp_path / "keys.yaml"
    (old, old_entry), (new, new_entry) = generate_key(["assign"]), generate_key(["assign"])
    write_keys(path, old_entry)
    access = Access.load(path)
    write_keys(path, *[generate_key(["read"])[1] for _ in range(40)], new_entry)
    with monkeypatch.context() as patched:
        patched.setattr(key_reader, name, value)
        with pytest.raises(AccessError, match=why):
            await reload_if_changed(access)
        assert holds(access, old)
    assert await reload_if_changed(access)
    assert [holds(access, key) for key in (old, new)] == [False, True]


@pytest.mark.slow
async def test_a_change_of_8000_keys_holds_the_event_loop_for_20_ms_at_most(tmp_path: Path) -> None:
    path, entries = tmp_path / "keys.json", [generate_key(["pool"], ["f"], ["a-*"])[1] for _ in range(8100)]
    access = Access({entry.id: entry for entry in entries[:8000]}, path)
    path.write_text(KeyFile(keys=entries[100:]).model_dump_json(exclude_none=True))
    with measured_callbacks() as callbacks:
        assert await reload_if_changed(access)
        await asyncio.sleep(0)  # the callback of the last step ends
    assert [len(ids) for ids in access.last_change.values()] == [100, 100, 0]
    assert callbacks.longest < 0.02, callbacks


def a_key(**changes: Any) -> dict[str, Any]:
    return {"id": "k", "sha256": "0" * 64, "scopes": ["read"]} | changes


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        ("keys: [", "not valid YAML"),
        ("", "must be an object with fields"),
        ("keys: 2001-99-99", "not valid YAML"),
        ("[" * 3000, "not valid YAML"),
        ({"keys": [a_key(scopes=[])]}, "keys[0].scopes"),
        ({"keys": [a_key(scopes=["root"])]}, "keys[0].scopes"),
        ({"keys": [a_key(sha256="secret-in-the-clear")]}, "keys[0].sha256"),
        ({"keys": [a_key(fleets=[])]}, "keys[0].fleets"),
        ({"keys": [a_key(fleets=["{x}"])]}, "keys[0].fleets"),
        ({"keys": [a_key(scopes=["pool"], pools=[])]}, "keys[0].pools"),
        ({"keys": [a_key(scopes=["pool"], pools=["small-[12]"])]}, "keys[0].pools[0]: must have 1 to 128 of"),
        ({"keys": [a_key(pools=["small-*"])]}, "keys[0]: pools: restrict the scope pool only"),
        ({"keys": [a_key(scopes=["pool", "admin"], pools=["small-*"])]}, "and not admin"),
        ({"keys": [a_key(scopes=["pool"], classes=["small"], most_pools=1)]}, "and only beside pools"),
        ({"keys": [a_key(scopes=["pool"], pools=["a"], classes=["small"])]}, "classes, most_pools: both or neither"),
        ({"keys": [a_key(scopes=["pool"], pools=["a"], most_pools=10_001)]}, "keys[0].most_pools"),
        ({"keys": [a_key(secret="x")]}, "keys[0].secret: is not a known field"),
        ({"keys": [a_key(), a_key()]}, "two keys have the same id"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path, content: Any, reason: str) -> None:
    path = tmp_path / "keys.yaml"
    if content is not None:
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    with pytest.raises(AccessError) as caught:
        Access.load(path)
    assert reason in str(caught.value)
    assert "secret-in-the-clear" not in str(caught.value)


def test_a_key_is_kept_as_a_hash_only() -> None:
    key, entry = generate_key(["read"], ["f"])
    key_id, secret = key.split(".")
    assert secret not in repr(entry)
    assert (entry.id, entry.sha256) == (key_id, hashlib.sha256(secret.encode()).hexdigest())
    assert len(secret) == 43  # 256 bits
    assert (entry.scopes, entry.fleets) == ({"read"}, {"f"})


def test_open_access_lets_everybody_do_everything() -> None:
    assert Access.open().identify(None) is UNRESTRICTED
    assert Access.open().is_open
    assert not Access({}).is_open
    assert Access({}).identify("Bearer a.b") is None


def test_a_bucket_refills_at_its_rate_and_never_overflows() -> None:
    now = 0.0
    limiter = RateLimiter(Rate(per_second=0.5, burst=2), lambda: now)
    assert [limiter.take("a") for _ in range(3)] == [0, 0, 2]
    assert limiter.take("b") == 0
    now = 2.0
    assert [limiter.take("a") for _ in range(2)] == [0, 2]
    now = 1000.0
    assert [limiter.take("a") for _ in range(3)] == [0, 0, 2]


def test_a_limiter_forgets_who_was_not_seen_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateLimiter, "MAX_NAMES", 2)
    limiter = RateLimiter(Rate(per_second=1, burst=1), lambda: 0.0)
    assert [limiter.take(name) for name in "abca"] == [0, 0, 0, 0]
    assert limiter.take("c") == 1


async def test_each_key_has_its_own_rate(store: Store, new_client: NewClient, keys: Keys) -> None:
    one, other = keys("read"), keys("read")
    rate = Rate(per_second=0.001, burst=3)
    client = new_client(store, access=keys.access(), rate=rate)
    answers = [await client.get("/v1/fleets", headers=bearer(one)) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert (await client.get("/v1/fleets", headers=bearer(other))).status_code == 200
    assert (await client.get("/healthz")).status_code == 200


async def test_only_wrong_keys_of_one_address_are_slowed_down(store: Store, new_client: NewClient, keys: Keys) -> None:
    key = keys("read")
    here = new_client(store, access=keys.access(), address="192.0.2.1")
    wrong = {"Authorization": "Bearer slta-00000000.0000000000000000000000"}
    answers = [await here.get("/v1/fleets", headers=wrong) for _ in range(FAILURES.burst + 1)]
    assert {a.status_code for a in answers[:-1]} == {401}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert (await here.get("/v1/fleets", headers=bearer(key))).status_code == 200
