"""Terms are found in what readers see, and not in code."""

from __future__ import annotations

from tests.docs.terms import CODE, TERM, described, instead


def test_a_term_in_prose_is_found_with_what_stands_in_its_place() -> None:
    text = "The store is away, see `stands still` and [it](#goes-on)."
    assert [match[0] for match in TERM.finditer(CODE.sub(" ", text))] == ["is away"]
    assert instead("is away") == "is unreachable"


def test_texts_of_a_document_are_its_descriptions() -> None:
    document = {
        "summary": "a",
        "properties": {"description": {"type": "string", "description": "b"}},
        "x": [{"action": "c"}],
    }
    assert list(described(document)) == ["a", "b", "c"]
