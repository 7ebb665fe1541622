"""Session ids as proxies send them, and what they become."""

from __future__ import annotations

import hashlib

import pytest

from slta.parsing.session_ids import session_id_of


@pytest.mark.parametrize("text", ["a", "x" * 128, "0f6b:a_b-C.d", "..."])
def test_a_name_stays_as_it_is(text: str) -> None:
    assert session_id_of(text) == text


@pytest.mark.parametrize("text", [".", "..", "x" * 129, "a b", "a/b", "a=", "ä", "a\n", '"a"', "a,b"])
def test_other_text_becomes_its_sha_256_in_hex(text: str) -> None:
    assert session_id_of(text) == hashlib.sha256(text.encode()).hexdigest()
    assert session_id_of(session_id_of(text)) == session_id_of(text), "the hash is a name"


@pytest.mark.parametrize(
    ("text", "sent"), [(b"caf\xe9".decode(errors="surrogateescape"), b"caf\xe9"), ("\ud800", b"\xed\xa0\x80")]
)
def test_text_that_is_no_utf_8_is_hashed_all_the_same(text: str, sent: bytes) -> None:
    assert session_id_of(text) == hashlib.sha256(sent).hexdigest()
