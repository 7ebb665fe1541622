"""What fleets, pools, sessions and classes may be called."""

from __future__ import annotations

import re
from itertools import product

import pytest
from pydantic import TypeAdapter, ValidationError

from slta.parsing import NAME_PATTERN, Name

ONE_OF_EACH_KIND = "aZ0._:-/\n"
TEXTS = ["".join(letters) for length in range(5) for letters in product(ONE_OF_EACH_KIND, repeat=length)]
LONG = ["a" * 127, "a" * 128, "." * 128, "a" * 129, "." * 129, "a" * 127 + "/"]
_name = TypeAdapter(Name)


def is_name(text: str) -> bool:
    """The rule in words: 1 to 128 letters, digits, dots, underscores, colons and hyphens, but not one or two dots."""
    return 1 <= len(text) <= 128 and set(text) <= set("aZ0._:-") and text not in (".", "..")


@pytest.mark.parametrize("texts", [TEXTS, LONG], ids=["short", "long"])
def test_a_name_is_anything_but_what_is_removed_from_a_path(texts: list[str]) -> None:
    for text in texts:
        assert _is_valid(text) is is_name(text), text
        assert bool(re.fullmatch(NAME_PATTERN.removesuffix("$") + r"\Z", text)) is is_name(text), text


def test_the_pattern_has_no_look_around() -> None:
    assert "(?" not in NAME_PATTERN


def _is_valid(text: str) -> bool:
    try:
        _name.validate_python(text)
    except ValidationError:
        return False
    return True
