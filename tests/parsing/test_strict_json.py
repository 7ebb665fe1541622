"""JSON is read as everybody reads it, or refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.parsing.strict_json import MAX_MEMBERS, MAX_NUMBER, InvalidJsonError, parse

scalars = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(values)
def test_what_others_write_is_read(value: Any) -> None:
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) == value


@given(st.binary() | st.text('[]{}":,.0123456789eE+-\\u \nntrfalsINy').map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        parse(body)
    except InvalidJsonError as refused:
        assert len(str(refused)) < 100  # noqa: PT017 - either outcome is right


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_fractions_are_exact(number: Decimal) -> None:
    text = f"{number:f}"
    text += "" if "." in text else ".0"
    parsed = parse(text.encode())
    assert isinstance(parsed, Decimal)
    assert parsed == number


@pytest.mark.parametrize(
    "body", [b"", b" ", b"nan", b"'a'", b"01", b"1.", b".5", b"+1", b"0x1", b"[1,]", b"{a: 1}", b"// a\n1", b'"\t"']
)
def test_what_only_some_parsers_take_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJsonError):
        parse(body)


def test_an_object_has_at_most_so_many_members() -> None:
    members = {f"m{k}": k for k in range(MAX_MEMBERS + 1)}
    with pytest.raises(InvalidJsonError, match="more than 20 members"):
        parse(json.dumps([members]).encode())
    members.popitem()
    assert parse(json.dumps(members).encode()) == members


@pytest.mark.parametrize("number", [b"1" * 1000, b"-" + b"1" * 999, b"0." + b"1" * 998, b"1e" + b"1" * 15])
def test_a_number_has_at_most_so_many_characters(number: bytes) -> None:
    assert parse(number) == Decimal(number.decode())
    with pytest.raises(InvalidJsonError, match="number"):
        parse(number + b"1" * (MAX_NUMBER + 1 - len(number)))
