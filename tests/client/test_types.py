"""Session types in the client, without I/O: what is asked for, placed by the fallback, and reported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from slta_client import session as errors
from slta_client.endpoints import Endpoints
from tests.client.scripted import Scripted, opened, placed, put, refused, replies, wanted
from tests.client.test_reports import keep
from tests.client.test_two_choices import pool_class

AWAY = refused("store_unavailable")
TYPES = {"default": ["small", "large"], "video": ["large"]}


def typed(fleet: str = "a", types: dict[str, Any] | None = None) -> Endpoints:
    """Empty small pools, and large ones that are nearly full."""
    classes = [pool_class("small", 10, *[0] * 8), pool_class("large", 10, 9, 8)]
    return Endpoints({"fleet": fleet, "classes": classes, "session_types": TYPES if types is None else types})


def reported(scripted: Scripted) -> list[str | None]:
    """The types that the reports name."""
    return [one["report"].get("session_type") for _, one in keep(scripted, lambda _: AWAY, scripted.now)]


@pytest.mark.parametrize("given", [{}, {"session_type": "video"}, {"priority": "low"}])
def test_an_assign_has_the_type_and_the_priority_that_are_given(scripted: Scripted, given: dict[str, Any]) -> None:
    put(scripted, replies(placed()), replace(wanted(lease=None), **given))
    assert scripted.sent[0][1].body == {"session_id": "s-1", "touch": True, **given}


@pytest.mark.parametrize(("told", "kind"), [({"session_type": "chat"}, "chat"), ({}, "default")])
def test_a_session_has_the_type_of_the_answer(scripted: Scripted, told: dict[str, str], kind: str) -> None:
    answer = placed()
    answered = answer._replace(body={**answer.body, **told})
    assert put(scripted, lambda _: answered, wanted(kind="video")).session_type == kind


def test_the_fallback_places_a_type_on_its_classes_alone_and_reports_it(scripted: Scripted) -> None:
    scripted.falls_back(typed())
    sessions = [put(scripted, lambda _: AWAY, wanted(session_id=f"s{k}", kind="video")) for k in range(3)]
    assert [(session.pool_class, session.session_type) for session in sessions] == [("large", "video")] * 3
    assert reported(scripted) == ["video"] * 3
    with pytest.raises(errors.UnavailableError):
        put(scripted, lambda _: AWAY, wanted(session_id="s3", kind="video"))


def test_a_session_without_a_type_is_placed_anywhere_and_reported_without_one(scripted: Scripted) -> None:
    scripted.falls_back(typed())
    session = put(scripted, lambda _: AWAY)
    assert (session.pool_class, session.session_type, reported(scripted)) == ("small", "default", [None])


@pytest.mark.parametrize("types", [{}, {"default": ["small"], "chat": ["small"]}])
def test_a_type_that_the_endpoints_do_not_have_is_not_placed(scripted: Scripted, types: dict[str, Any]) -> None:
    scripted.falls_back(typed(types=types))
    with pytest.raises(errors.UnavailableError):
        put(scripted, lambda _: AWAY, wanted(kind="video"))


def test_an_open_breaker_does_not_keep_back_a_type_that_the_endpoints_do_not_have(scripted: Scripted) -> None:
    scripted.falls_back(typed())
    opened(scripted)
    assert put(scripted, lambda _: placed(), wanted(session_id="x", kind="video")).placed_by == "fallback"
    assert put(scripted, lambda _: placed(), wanted(session_id="y", kind="audio")).placed_by == "slta"


def test_the_next_fleet_is_asked_for_a_type_that_the_first_does_not_have(scripted: Scripted) -> None:
    answers = {"a": refused("unknown_session_type", 422), "b": placed()}
    assert put(scripted, lambda send: answers[send.fleet], wanted("a", "b", kind="video")).fleet == "b"


@pytest.mark.parametrize("types", [["video"], {"video": "large"}, {"video": [1]}, 7])
def test_types_of_endpoints_that_are_none_are_refused(types: object) -> None:
    with pytest.raises(ValueError, match="it has no endpoints of a fleet"):
        Endpoints({"fleet": "a", "classes": [], "session_types": types})


def test_endpoints_are_written_with_their_types() -> None:
    found = typed()
    assert Endpoints(found.document).of_type("video").document["classes"] == [pool_class("large", 10, 9, 8)]
