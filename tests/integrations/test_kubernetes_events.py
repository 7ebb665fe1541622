"""Watches of the API server: lines that are cut anywhere, errors, and events that come twice or late."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta_integrations.kubernetes.events import Event, ExpiredError, Lines, Objects, StreamError, decode


def item(name: str, version: str, **members: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": version}, **members}


def objects(*items: dict[str, Any], version: str = "10") -> Objects[str]:
    made = Objects(lambda found: str(found.get("says", "")))
    made.replace(items, version)
    return made


EVENTS = [
    Event("ADDED", item("a", "11", says="ä")),
    Event("BOOKMARK", item("", "12")),
    Event("DELETED", item("a", "13")),
]
BODY = b"".join(json.dumps({"type": kind, "object": body}).encode() + b"\n" for kind, body in EVENTS)


@given(st.lists(st.integers(0, len(BODY)), max_size=8).map(sorted))
def test_the_events_are_the_same_wherever_the_body_is_cut(cuts: list[int]) -> None:
    lines, bounds = Lines(), [0, *cuts, len(BODY)]
    parts = [BODY[start:end] for start, end in pairwise(bounds)]
    assert [decode(line) for part in parts for line in lines.feed(part)] == EVENTS


def test_what_follows_the_last_line_is_no_event() -> None:
    assert list(Lines().feed(BODY + b'{"type": "DELETED", "object": {')) == BODY.splitlines()


def test_a_line_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slta_integrations.kubernetes.events.MAX_LINE_BYTES", 10)
    with pytest.raises(StreamError):
        Lines().feed(b"x" * 11)


def test_an_error_of_410_says_to_list_anew() -> None:
    with pytest.raises(ExpiredError, match="410: too old"):
        decode(b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}')


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"type":"ADDED"}', b'{"type":"ERROR","object":{"code":500}}', b"[" * 10**5]
)
def test_what_is_no_event_ends_the_stream(line: bytes) -> None:
    with pytest.raises(StreamError) as raised:
        decode(line)
    assert raised.type is StreamError


def test_a_bookmark_changes_the_resource_version_only() -> None:
    held = objects(item("a", "7", says="x"))
    assert not held.apply(Event("BOOKMARK", item("", "20")))
    assert (list(held.values), held.resource_version) == (["x"], "20")


def test_an_event_that_comes_late_changes_nothing() -> None:
    held = objects(item("a", "7", says="new"))
    assert not held.apply(Event("MODIFIED", item("a", "6", says="old")))
    assert not held.apply(Event("DELETED", item("a", "5")))
    assert list(held.values) == ["new"]


def test_versions_are_compared_as_numbers() -> None:
    held = objects(item("a", "9"))
    assert held.apply(Event("MODIFIED", item("a", "10", says="new")))
    assert list(held.values) == ["new"]


@pytest.mark.parametrize(("version", "next_version"), [("x9", "x8"), ("9" * 5000, "8" * 5000)])
def test_versions_that_are_no_numbers_are_taken_as_they_come(version: str, next_version: str) -> None:
    held = objects(item("a", version))
    assert held.apply(Event("MODIFIED", item("a", next_version, says="new")))
    assert list(held.values) == ["new"]


def test_a_list_takes_the_place_of_all_objects() -> None:
    held = objects(item("a", "7"), item("b", "8"))
    held.replace([item("b", "9", says="b")], "30")
    assert (list(held.values), held.resource_version) == (["b"], "30")


def test_an_object_that_cannot_be_read_is_no_reason_to_change_others() -> None:
    def refuse(_: object) -> str:
        raise ValueError

    held = Objects(refuse)
    with pytest.raises(StreamError):
        held.replace([item("a", "7")], "30")
    assert (list(held.values), held.resource_version) == ([], "")
