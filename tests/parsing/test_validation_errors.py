"""Validation errors are named, a few of them."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from slta.parsing import explain, validation_errors


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")

    needed: int


def errors_of(value: dict[str, int]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Model.model_validate(value)
    return caught.value


def test_of_many_errors_the_first_five_are_put_into_words(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def close_matches(name: str, *_: object, **__: object) -> list[str]:
        asked.append(name)
        return []

    monkeypatch.setattr(validation_errors, "get_close_matches", close_matches)
    said = explain(errors_of({f"m{k}": 1 for k in range(1000)}).errors())
    assert asked == ["m0", "m1", "m2", "m3", "m4"]
    assert said == "; ".join(f"m{k}: is not a known field" for k in range(5)) + "; and 996 more"


def test_of_a_long_name_the_beginning_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(validation_errors, "get_close_matches", lambda name, *_, **__: asked.append(name))
    explain(errors_of({"m" * 100_000: 1}).errors())
    assert asked == ["m" * 64]


def test_unknown_fields_come_before_what_is_missing() -> None:
    assert explain(errors_of({"neded": 1}).errors()) == "neded: is not a known field; needed: field required"
