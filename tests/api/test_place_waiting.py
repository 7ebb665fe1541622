"""Placements while the store refuses: they wait for it at most 50 ms, unlike an assign."""

from __future__ import annotations

import pytest

from slta.api.routes import sessions as place_module
from slta.store import Store
from testbed.faults import Proxy
from tests.api.conftest import Api, NewClient, refusal


@pytest.fixture
async def refusing(new_client: NewClient, behind: Store, between: tuple[Proxy, str]) -> Api:
    """A client of a dispatcher whose last check of the store failed; the next call would succeed."""
    between[0].refusals = ["LOADING Redis is loading the dataset in memory"]
    await behind.check()
    return new_client(behind)


SESSION = {"X-Session-Id": "a"}


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers in the time that a placement then has."""
    monkeypatch.setattr(place_module, "REFUSING_SECONDS", 0)


@pytest.mark.usefixtures("no_time")
async def test_a_placement_does_not_wait_for_a_store_that_is_known_to_refuse(refusing: Api, fleet: str) -> None:
    answer = await refusing.get(f"{fleet}/place", headers=SESSION)
    assert (refusal(answer), answer.json()["session_id"]) == ((503, "outcome_unknown"), "a")
    assert answer.headers["X-Slta-Code"] == "outcome_unknown"


@pytest.mark.usefixtures("no_time")
async def test_what_was_not_sent_by_then_is_dropped_and_an_assign_waits_as_ever(refusing: Api, fleet: str) -> None:
    await refusing.get(f"{fleet}/place", headers=SESSION)
    assert (await refusing.post(f"{fleet}/assign", json={"session_id": "a"})).status_code == 201


async def test_the_first_after_a_refusal_is_placed(refusing: Api, fleet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_module, "REFUSING_SECONDS", 30)
    assert (await refusing.get(f"{fleet}/place", headers=SESSION)).status_code == 200


@pytest.mark.usefixtures("no_time")
async def test_a_store_that_refuses_no_more_or_was_never_checked_is_waited_for(
    refusing: Api, new_client: NewClient, behind: Store, store: Store, fleet: str
) -> None:
    await behind.check()
    for client in (refusing, new_client(store)):
        assert (await client.get(f"{fleet}/place", headers=SESSION)).status_code == 200
