"""Session types of writes that the store lost: put back with the session, unless the type may not use the class now."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.store import Store
from slta.store._encoding import put_arguments
from slta.store._failover.facts import fact_of
from slta.store.sessions import report_option
from testbed.servers import Server
from tests.store.fleets import FLEET, TWO_CLASSES, create
from tests.store.moving import Moving, opened
from tests.store.test_rollback import lost, second_passes

TYPED = FleetSpec(
    TWO_CLASSES, policy=POLICIES["jlmu"], lease_seconds=600, session_types={"video": ["large"], "chat": ["small"]}
)


@pytest.fixture
async def store(own: Server, opening: AsyncExitStack) -> Moving:
    made = await opened(opening, own.url)
    await create(made, TYPED, {"small": 2, "large": 2})
    await second_passes(made)
    return made


async def put_back(store: Store) -> list[dict[str, object]]:
    """Put back what was lost, and what is logged then."""
    with capture_logs() as logs:
        for _ in range(2):
            await second_passes(store)
    return [{k: v for k, v in line.items() if k in ("event", "replayed", "to_retry", "sessions")} for line in logs]


def went_back(replayed: int, to_retry: int = 0) -> dict[str, object]:
    return {"event": "store_went_back", "replayed": replayed, "to_retry": to_retry}


async def kinds(store: Store, *ids: str) -> list[str]:
    return [(await store.sessions.get(FLEET, id_)).session_type for id_ in ids]


async def test_sessions_are_put_back_with_their_types(own: Server, store: Moving) -> None:
    with lost(own):
        for id_, kind in {"a": "video", "b": "chat", "c": "default"}.items():
            await store.sessions.assign(FLEET, id_, None, session_type=kind)
        await store.sessions.report(FLEET, "d", report_option("large-1", session_type="video"), None)
        await store.sessions.report(FLEET, "d", "large-0", None)
        await store.sessions.renew(FLEET, ["a"], 900)
    assert await put_back(store) == [went_back(4)]
    assert await kinds(store, "a", "b", "c", "d") == ["video", "chat", "default", "video"]
    assert (await store.sessions.get(FLEET, "d")).pool_id == "large-0"


@pytest.mark.parametrize("types", [{}, {"chat": ["small"]}, {"video": ["small"], "chat": ["small"]}])
async def test_incompatible_sessions_return_as_default(own: Server, store: Moving, types: dict[str, list[str]]) -> None:
    await store.fleets.configure(FLEET, replace(TYPED, session_types=types), "{}")
    await second_passes(store)
    with lost(own):
        await store.fleets.configure(FLEET, TYPED, "{}")
        await store.sessions.assign(FLEET, "a", None, session_type="video")
    assert await put_back(store) == [went_back(1), {"event": "session_types_lost", "sessions": 1}]
    assert await kinds(store, "a") == ["default"]


@pytest.mark.parametrize(("kind", "where"), [("large", "large-0"), ("large video", "large-0 video")])
def test_a_fact_of_a_placement_names_the_type(kind: str, where: str) -> None:
    outcome = ["ASSIGNED", "large-0", kind, 5, 6, 7, "open"]
    assert fact_of(("assign", "a", "", "0", ""), outcome) == ("placed", "a", where, 5, 6, 7)


async def test_a_repair_keeps_types_but_those_that_may_not_use_their_class(store: Moving) -> None:
    for id_, kind in {"a": "video", "b": "chat"}.items():
        await store.sessions.assign(FLEET, id_, None, session_type=kind)
    before = replace(TYPED, session_types={"video": ["small"], "chat": ["small"]})
    narrowed = put_arguments(before, "{}", None)  # a document from before a change of types
    with capture_logs() as logs:
        await store.repairs.begin(FLEET, narrowed, requested=True)
        await store.repairs.finish(FLEET)
    assert [(line["event"], line["sessions"]) for line in logs] == [("session_types_lost", 1)]
    assert await kinds(store, "a", "b") == ["default", "chat"]
