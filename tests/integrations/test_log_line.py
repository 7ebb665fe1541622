"""The parser of a proxy's lines."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.parsing.session_ids import session_id_of
from slta_integrations.follow.log_line import SKIPPED, Alive, Begin, End, Start, parse

LONG = "x" * 129


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("slta1 begin s-1 small-1", Begin("s-1", "small-1")),
        ("slta1 end s-1 small-1 12.5", End("s-1", "small-1", 12.5)),
        ("slta1 end s-1 small-1 12", End("s-1", "small-1", 12)),
        ("<134>Nov 27 18:00:01 host haproxy[12]: slta1 end s-1 small-1 0.001", End("s-1", "small-1", 0.001)),
        ("slta1 begin s-1 small-1\r", Begin("s-1", "small-1")),
        ("slta1 begin s-1 small-1 video", Begin("s-1", "small-1", "video")),
        ("slta1 begin s-1 small-1 -", Begin("s-1", "small-1")),
        ("slta1 begin s-1 small-1 ", Begin("s-1", "small-1")),
        ("slta1 begin s-1 small-1 - h:1", Begin("s-1", "small-1", None, "h:1")),
        ("<134>slta1 start h:1", Start("h:1")),
        ("slta1 alive h:1", Alive("h:1")),
        ("slta1 end s-1 - 0.5", End("s-1", None, 0.5)),
        ("slta1 end s-1  0.5", End("s-1", None, 0.5)),
        ("slta1 end s-1 small-1 -", End("s-1", "small-1", 0)),
        ("slta1 end s-1 small-1 -1", End("s-1", "small-1", 0)),
        ('{"msg":"slta1 end x y 1","slta1":"slta1 end s-1 small-1 1.5","size":8}', End("s-1", "small-1", 1.5)),
        ('{"slta1":"slta1 end s-1 p{"a":1,"slta1":"slta1 end s-2 p 1"}', End("s-2", "p", 1)),
        (r'{"a":"\"slta1\":\"","slta1":"slta1 \u0065nd a\"\\ p 1"}', End(session_id_of('a"\\'), "p", 1)),
    ],
)
def test_a_line_is_parsed_whatever_stands_before_it(line: str, parsed: Begin | End | Start | Alive) -> None:
    assert parse(line.encode()) == parsed


@pytest.mark.parametrize("session", ["a/b", LONG, "ü", ".."])
def test_an_id_that_is_no_name_becomes_the_one_of_the_placement_route(session: str) -> None:
    assert parse(f"slta1 begin {session} p".encode()) == Begin(session_id_of(session), "p")


def test_an_id_that_is_no_utf_8_is_hashed_as_it_is() -> None:
    assert parse(b"slta1 begin \xff p") == Begin(sha256(b"\xff").hexdigest(), "p")


@pytest.mark.parametrize("line", ["slta1 begin s-1 -", "slta1 begin s-1 ", "slta1 begin s-1"])
def test_a_begin_without_a_pool_is_counted_as_such(line: str) -> None:
    assert parse(line.encode()) == "no_pool"


@pytest.mark.parametrize(
    "line",
    [
        "slta1 ",
        "slta1 start s-1 small-1",
        "slta1 begin",
        "slta1 begin - small-1",
        "slta1 begin s-1 small/1",
        "slta1 begin s-1 small-1 video h:1 more",
        "slta1 alive",
        '{"slta1":"\\ud800slta1 end s-1 small-1 1"}',
        "slta1 begin s-1 small-1 a/b",
        "slta1 begin s-1 - a/b",
        "slta1 end s-1 small-1",
        "slta1 end  small-1 1",
        f"slta1 end s-1 {LONG} 1",
        "slta1 end s-1 small-1 1e3",
        "slta1 end s-1 small-1 nan",
        "slta1 end s-1 small-1 12.5.1",
        "slta1 end s-1 small-1 ١",
    ],
)
def test_wrong_fields_are_damage(line: str) -> None:
    assert parse(line.encode()) == "damaged"


@pytest.mark.parametrize("line", ["", "GET / HTTP/1.1", "slta2 end s-1 p 1", "slta1", '{"agent":"slta1 end s-1 p 1"}'])
def test_a_line_of_something_else_is_unknown(line: str) -> None:
    assert parse(line.encode()) == "unknown"


@pytest.mark.parametrize(
    "line", ["agent=slta1 end victim p 1 slta1 end own p 1", "slta1 end x p 1 slta1 end victim p 1"]
)
def test_a_value_of_the_client_cannot_end_another_session(line: str) -> None:
    assert parse(line.encode()) == "damaged"


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_counted(line: bytes) -> None:
    parsed = parse(b"slta1 " + line)
    assert parsed in SKIPPED if isinstance(parsed, str) else isinstance(parsed, Begin | End | Start | Alive)
